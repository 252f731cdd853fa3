"""A filled grid told in words: the same phrasing for both traces of a pair, chosen by the pair's own stream."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from journey.generate.grids import phrases
from journey.generate.grids.guesses import DeadEnd, FilledGrid, Placement
from journey.generate.grids.space import Grid, brief_cell, prose_cell, size_of, why_not
from journey.generate.search.narrate import NarratedSearch, Piece
from journey.schema import Check, Node, Reachable, Role, Trace
from journey.views import lay_out

WHOLE = 0  # as the target of a claim: the grid can be completed
_CHECKS = {
    tried: Check(kind, "x", "solves", str(WHOLE)) for tried, kind in ((False, "contradiction"), (True, "exhausted"))
}


def rows(grid: Grid) -> tuple[str, str]:
    """A full grid as an answer: `1234 3412 2143 4321`, and `1 2 3 4 3 4 1 2 ...` in terse notation."""
    size = size_of(grid)
    digits = "".join(map(str, grid))
    return " ".join(digits[at : at + size] for at in range(0, len(digits), size)), " ".join(digits)


def listed(digits: Sequence[int], word: str = "and") -> str:
    """`1`, `1 and 3`, `1, 3 and 4`."""
    words = [str(digit) for digit in digits]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {word} {words[-1]}"


def sees(grid: Grid, cell: int) -> str:
    """What a cell sees: `1 and 3 in its row and 4 in its box`."""
    parts = [f"{listed(digits)} in its {unit}" for unit, digits in why_not(grid, cell).items()]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}{',' if len(parts) > 2 else ''} and {parts[-1]}"


class GridNarrator:
    """Walks the events of a search once; every piece it writes belongs to one node (place of the placement, plus one)."""

    def __init__(self, found: FilledGrid, rng: Random) -> None:
        self.found, self.rng = found, rng
        self.size = size_of(found.start)
        self.on_path = set(found.path())
        self.ends = {event.place: event for event in found.events if isinstance(event, DeadEnd)}
        self.failed: set[tuple[int, int]] = set()  # (parent, cell) where a digit has failed
        plan = rng.choice(phrases.PLANS).format(n=found.start.count(0))
        self.pieces: list[Piece] = [("plan", plan, "", 0)]
        self.short: list[Piece] = [self.pieces[0]]
        self.nodes: list[Node] = [Node(0, None, "plan", "")]
        self.mistakes = 0
        self.at = -1  # the placement that the reader stands at

    def tell(self) -> None:
        """Write the pieces and nodes of the whole search."""
        for event in self.found.events:
            if isinstance(event, DeadEnd):
                self.dead(event)
            else:
                self.place(event)

    def place(self, place: int) -> None:
        """A digit is written."""
        each = self.found.placements[place]
        if self.at != each.parent:
            self.back(each, place)
        before = self.found.grid(each.parent)
        role = self._role(place, each)
        self.nodes.append(self._node(place, each, role))
        again = (each.parent, each.cell) in self.failed
        told = prose(each, before, self.rng, again=again)
        brief = f"{text_of(each, self.size)} ."
        self.pieces.append((role, told, f"try {brief}" if each.how == "guess" else brief, place + 1))
        if place in self.on_path:
            alone = each if len(each.options) == 1 else each._replace(how="guess")
            if again or alone != each:  # told by what had failed, which the shortcut does not tell
                told = prose(alone, before, self.rng, again=False)
            self.short.append(("step", told, f"try {brief}" if alone.how == "guess" else brief, place + 1))
        self.at = place

    def _role(self, place: int, each: Placement) -> Role:
        if each.right:
            return "correction" if (each.parent, each.cell) in self.failed else "step"
        return "mistake" if self._sound(each.parent) else "consequence"

    def _sound(self, place: int) -> bool:
        return place < 0 or self.found.placements[place].right

    def _node(self, place: int, each: Placement, role: Role) -> Node:
        text = text_of(each, self.size)
        if each.right:
            return Node(place + 1, each.parent + 1, role, text, reason=each.how)
        if role == "consequence":
            return Node(place + 1, each.parent + 1, role, text, "wrong", reason=each.how)
        self.mistakes += 1
        claim, check = Reachable(self.found.grid(place), WHOLE), _CHECKS[self.ends[place].tried]
        return Node(
            place + 1, each.parent + 1, role, text, "wrong", claim, False, check, reason=each.how, kind="wrong guess"
        )

    def dead(self, end: DeadEnd) -> None:
        """A guess is refuted."""
        guess = self.found.placements[end.place]
        said, brief = self.rng.choice(phrases.CUT), "dead end ."
        if end.cell >= 0:
            grid = self.found.grid(end.place if end.tried else end.after)
            bank = phrases.TRIED if end.tried else phrases.STUCK
            cell = prose_cell(end.cell, self.size)
            said = self.rng.choice(bank).format(c=cell, w="" if end.tried else sees(grid, end.cell))
            brief = f"no {brief_cell(end.cell, self.size)} . dead end ."
        close = self.rng.choice(phrases.CLOSES).format(g=prose_cell(guess.cell, self.size), x=guess.digit)
        self.pieces.append(("notice", f" {said} {close}".rstrip(), brief, end.place + 1))
        self.failed.add((guess.parent, guess.cell))
        self.at = -2

    def back(self, each: Placement, place: int) -> None:
        """Going on elsewhere than where the reader stands."""
        text = self.rng.choice(phrases.BACKS).format(g=prose_cell(each.cell, self.size))
        self.pieces.append(("backtrack", f" {text}", f"back to {brief_cell(each.cell, self.size)} .", place + 1))


def text_of(each: Placement, size: int) -> str:
    """A placement in terse notation: `d = 2`, `b 3 = 5`."""
    return f"{brief_cell(each.cell, size)} = {each.digit}"


def prose(each: Placement, before: Grid, rng: Random, *, again: bool) -> str:
    """A placement on the grid `before` in prose; `again`: another digit of the cell has failed."""
    cell = prose_cell(each.cell, size_of(before))
    bank = phrases.FORCED
    if each.how != "forced":
        bank = phrases.LAST if each.how == "last" else phrases.NEXT_GUESSES if again else phrases.GUESSES
    slots = {"e": f"{cell} = {each.digit}", "c": cell, "d": each.digit, "o": listed(each.options, "or")}
    said = rng.choice(bank).format(w=sees(before, each.cell) if each.how == "forced" else "", **slots)
    return f"\n{said[0].upper() if said[0] != 'r' else 'r'}{said[1:]}"


def all_the_same(each: Placement, size: int, rng: Random) -> str:
    """A digit written into a cell that no digit fits, as if one did."""
    cell = prose_cell(each.cell, size)
    return "\n" + rng.choice(phrases.UNNOTICED).format(c=cell, d=each.digit, e=f"{cell} = {each.digit}")


def answer_piece(grid: Grid, rng: Random, node: int) -> Piece:
    """The closing sentence with the box."""
    told, brief = rows(grid)
    return ("answer", rng.choice(phrases.ANSWERS) % told, f"\\boxed{{ {brief} }}", node)


def narrate(found: FilledGrid, rng: Random) -> NarratedSearch:
    """Nodes and traces of a filled grid. The journey tells every event, the shortcut the right path alone."""
    narrator = GridNarrator(found, rng)
    narrator.tell()
    grid = found.grid(found.goal)
    last = answer_piece(grid, rng, found.goal + 1)
    shortcut, journey = (Trace(lay_out([*told, last]), *rows(grid)) for told in (narrator.short, narrator.pieces))
    return NarratedSearch(tuple(narrator.nodes), shortcut, journey, narrator.mistakes)
