"""The narrator of a search: the same phrasing for both traces of a pair, chosen by the pair's own stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from journey.generate.search import phrases
from journey.generate.search.tree import Found, Plan, Space, State
from journey.schema import Check, Node, Reachable, Role, Trace
from journey.views import lay_out

Piece = tuple[Role, str, str, int]  # as `lay_out` takes them: role, prose, brief, node


@dataclass(frozen=True)
class NarratedSearch:
    """A search as records: the tree's nodes, both traces and the number of mistakes."""

    nodes: tuple[Node, ...]
    shortcut: Trace
    journey: Trace
    mistakes: int


def listed(state: State) -> tuple[str, str]:
    """The numbers in prose and in terse notation: `27, 15 and 3`, `27 15 3`."""
    if len(state) == 2:
        return f"{state[0]} and {state[1]}", f"{state[0]} {state[1]}"
    words = [str(number) for number in state]
    return ", ".join(words[:-1]) + " and " + words[-1], " ".join(words)


def expression_of(moves: Iterable[tuple[int, str, int, int]]) -> str:
    """Moves `(a, sign, b, result)` that end in one number as one expression, e.g. `(15 * 3) - 12`."""
    terms: list[tuple[int, str]] = []

    def term(value: int) -> str:
        for index, (result, text) in enumerate(terms):
            if result == value:
                terms.pop(index)
                return text
        return str(value)

    for a, sign, b, result in moves:
        first, second = term(a), term(b)
        terms.append((result, f"({first} {sign} {second})"))
    return terms[-1][1][1:-1]


def terse_expression(expression: str) -> str:
    """An expression in terse notation, every bracket a word: `( 15 * 3 ) - 12`."""
    return " ".join(expression.replace("(", " ( ").replace(")", " ) ").split())


class _Narrator:
    """Walks the events of a search once; every piece it writes belongs to one node (place of the visit, plus one)."""

    def __init__(self, search: Found, space: Space, plan: Plan, complete: bool, rng: Random) -> None:
        self.visits, self.space, self.strategy, self.complete = search.visits, space, plan.strategy, complete
        self.by_size = not (plan.exhaust or plan.prune)  # last steps are left out for their size, and for nothing else
        self.target, self.bits = space.target, rng.getrandbits
        self.spoken = phrases.spoken(space.target)
        self.closed = {~event for event in search.events if event < 0}
        self.on_path = set(search.path())
        self.failed: set[int] = set()  # places where a child of theirs has already failed
        self.pieces: list[Piece] = []
        self.steps: list[int] = []  # which of them are the right path
        self.nodes: list[Node] = []
        self.mistakes = 0
        self.at: int | None = -1  # where the reader stands: in this branch, or (None) at a dead end
        self.entered = -1  # the branch entered last
        self.told = 0  # last steps told of the two numbers entered last
        self.given_up: int | None = None
        self.names = {-1: listed(space.start)}  # the numbers at each place, as they are written
        self.exhausted, self.size = (Check(kind, "x", "solves", str(self.target)) for kind in ("exhausted", "size"))

    def pick(self, bank: Sequence[str]) -> str:
        return bank[self.bits(8) % len(bank)]

    def sound(self, visit: int) -> bool:
        """Whether the target can be made from where this visit leads."""
        return visit < 0 or self.visits[visit][2]

    def tell(self, events: Sequence[int]) -> None:
        """Write the pieces and nodes of the whole search."""
        plan = self.pick(phrases.PLANS) % {"s": self.names[-1][0], "t": self.target}
        self.pieces.append(("plan", plan, "", 0))
        self.nodes.append(Node(0, None, "plan", ""))
        if len(self.space.start) == 2:
            self.last_steps(-1)
        for event in events:
            if event < 0:
                self.leave(~event)
                continue
            parent, move, right = self.visits[event]
            if self.at != parent:
                self.back(parent, event + 1)
            self.enter(event)
            if len(move[4]) > 2:
                continue
            if right:
                self.last_steps(event)
            else:
                self.doomed_steps(event)

    def enter(self, visit: int) -> None:
        """A move that leaves two numbers or more."""
        parent, (a, op, b, c, left), right = self.visits[visit]
        equation = f"{a} {op} {b} = {c}"
        role: Role = "step"
        if right:
            role = self.right_step(visit)
            node = Node(visit + 1, parent + 1, role, equation)
        elif visit not in self.closed:  # left before it was refuted: not known to be a mistake
            node = Node(visit + 1, parent + 1, role, equation, "unknown", reason="set aside")
        else:
            claim, kind, role = Reachable(left, self.target), None, "consequence"
            if self.sound(parent):
                kind, role = "wrong branch", "mistake"
                self.mistakes += 1
            node = Node(visit + 1, parent + 1, role, equation, "wrong", claim, False, self.exhausted, "exhausted", kind)
        self.nodes.append(node)
        self.names[visit] = numbers, brief = listed(left)
        before, between, after = phrases.TRIES[self.bits(4)]
        text = f"\n{before}{equation}{between}{numbers}{after}"
        self.pieces.append((role, text, f"try {equation} left {brief} .", visit + 1))
        self.at = self.entered = visit
        self.told = 0

    def right_step(self, visit: int) -> Role:
        """The role of a step from which the target can be made, whose piece comes next."""
        if visit not in self.on_path:
            return "step"
        self.steps.append(len(self.pieces))
        return "correction" if self.visits[visit][0] in self.failed else "step"

    def doomed_steps(self, branch: int) -> None:
        """The last steps of two numbers that cannot make the target. Most visits are these, so they are told fast."""
        target, bits, piece, node = self.target, self.bits, self.pieces.append, self.nodes.append
        lows, highs = self.spoken.lows, self.spoken.highs
        number = above = branch + 1
        for parent, (a, op, b, c, _), _ in self.visits[above : above + len("*+-/")]:
            if parent != branch:
                break
            number += 1
            equation = f"{a} {op} {b} = {c}"
            if c < target:
                piece(("consequence", f" {equation}{lows[bits(3)]}", f"{equation} low .", number))
                node(Node(number, above, "consequence", equation, "wrong", None, None, None, "too low"))
            else:
                piece(("consequence", f" {equation}{highs[bits(3)]}", f"{equation} high .", number))
                node(Node(number, above, "consequence", equation, "wrong", None, None, None, "too high"))
        self.told = number - above

    def last_steps(self, branch: int) -> None:
        """The last steps of two numbers that can make the target: mistakes, noticed at once, and the one that does."""
        for visit in range(branch + 1, len(self.visits)):
            parent, (a, op, b, result, left), right = self.visits[visit]
            if parent != branch:
                return
            number, equation = visit + 1, f"{a} {op} {b} = {result}"
            if right:
                role = self.right_step(visit)
                self.pieces.append((role, f" {equation}{self.pick(self.spoken.hits)}", f"{equation} yes .", number))
                self.nodes.append(Node(number, branch + 1, role, equation))
                return
            word, bank = ("high", phrases.LAST_HIGH) if result > self.target else ("low", phrases.LAST_LOW)
            slots = {"e": equation, "c": result, "t": self.target, "d": abs(result - self.target)}
            sentence = phrases.capital(self.pick(phrases.LAST_OPENINGS) + self.pick(bank) % slots)
            self.pieces.append(("mistake", " " + self.pick(phrases.LAST_TRIES) % slots, equation, number))
            self.pieces.append(("notice", f" {sentence}.", f"{word} .", number))
            claim = Reachable(left, self.target)
            why = (self.size, f"too {word}", "wrong branch")
            self.nodes.append(Node(number, branch + 1, "mistake", equation, "wrong", claim, False, *why))
            self.mistakes += 1
            self.failed.add(branch)

    def leave(self, visit: int) -> None:
        """A branch in which nothing is left to try."""
        self.at = None
        parent, (_, _, _, _, left), right = self.visits[visit]
        if right:  # pruned away, not refuted
            self.given_up = visit
            return
        self.given_up = None
        mistake = self.sound(parent)
        if mistake:
            self.failed.add(parent)
        numbers, bank, reason, bits = self.names[visit][0], self.spoken.findings, "", self.bits
        if self.by_size and len(left) == 2:
            reason = self.size_reason(*left)
        elif self.complete:
            bank = self.spoken.all_told
        before, after = bank[bits(4)]
        if not reason:
            close = (phrases.WRONG_CLOSES if mistake else phrases.FORCED_CLOSES)[bits(3)]
            text = f"{phrases.OPENINGS[bits(5)]}{before}{numbers}{after}{close}"
        elif bits(1):
            text = f"{phrases.CRIES[bits(5)]}{reason}, so {before}{numbers}{after}."
        else:
            text = f"{phrases.CRIES[bits(5)]}{before}{numbers}{after}, since {reason}."
        self.pieces.append(("notice", f" {text[0].upper()}{text[1:]}", "dead end .", visit + 1))

    def size_reason(self, a: int, b: int) -> str:
        """Why the last steps that were not told cannot reach the target."""
        count, bits, dividing = self.told, self.bits, "/" in self.space.operations
        facts: list[str] = []
        if self.target > a:
            if count == 1:  # the sum alone: the product is beyond the level's ceiling
                facts = [f"{a} * {b} is {a * b}" if bits(1) else f"the product would be {a * b}"]
            elif not count:
                facts = [f"{a} + {b} is {a + b}", f"{a} * {b} is {a * b}"]
            reasons = self.spoken.only_lower_dividing if dividing else self.spoken.only_lower
        else:
            if not count or a == b:
                facts = [f"{a} - {b} is {a - b}"]
            if dividing and a % b:
                facts.append(f"{b} does not divide {a}")
            elif dividing and b > 1 and not count:
                facts.append(f"{a} / {b} is {a // b}")
            reasons = self.spoken.only_higher
        reason = reasons[bits(2)]
        if not facts:
            return reason
        fact = ", ".join(facts)
        return f"{fact} and {reason}" if bits(1) else f"{reason} and {fact}"

    def back(self, parent: int, node: int) -> None:
        """Going on elsewhere than where the reader stands."""
        numbers, brief = self.names[parent]
        if self.given_up is not None:
            slots = {"s": numbers, "t": self.target, "r": self.names[self.given_up][0]}
            text = self.pick(phrases.GIVE_UPS) % slots
            self.given_up = None
        else:
            bank = self.ways_back(parent)
            before, after = bank[self.bits(4) % len(bank)]
            text = f"{before}{numbers}{after}"
        self.pieces.append(("backtrack", f" {text}", f"back to {brief} .", node))
        self.at = parent

    def ways_back(self, parent: int) -> Sequence[phrases.Cut]:
        """The bank that fits where the search goes on, and why."""
        dead = self.at is None
        if self.strategy == "depth-first":
            return phrases.BACKS_UP if parent >= 0 else phrases.BACKS_TO_START
        if self.strategy == "best-first":
            return phrases.BACKS if dead else phrases.TURNS
        if self.entered < 0 or self.visits[self.entered][0] != parent:
            return phrases.NEXTS
        return phrases.BACKS if dead else phrases.BESIDES


def narrate(search: Found, space: Space, plan: Plan, complete: bool, rng: Random) -> NarratedSearch:
    """Nodes and traces of a solved search. The journey tells every event, the shortcut the right path alone.

    `complete` says that each branch is told to its end, so that the text itself may say that all was tried.
    """
    narrator = _Narrator(search, space, plan, complete, rng)
    narrator.tell(search.events)
    pieces = narrator.pieces
    steps: list[Piece] = [("step", *pieces[index][1:]) for index in narrator.steps]
    expression = expression_of(search.visits[visit][1][:4] for visit in search.path())
    brief = terse_expression(expression)
    answer = narrator.pick(phrases.ANSWERS) % expression
    last: Piece = ("answer", answer, f"\\boxed{{ {brief} }}", len(search.visits))
    shortcut = Trace(lay_out([pieces[0], *steps, last]), expression, brief)
    journey = Trace(lay_out([*pieces, last]), expression, brief)
    return NarratedSearch(tuple(narrator.nodes), shortcut, journey, narrator.mistakes)
