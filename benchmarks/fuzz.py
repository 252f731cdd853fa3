"""Hostile inputs by the million: no crash, none over a second, no code run.

    python -P benchmarks/fuzz.py [--inputs 1000000] [--seed 0] [--worker]

The generators know where limits lie: numbers of as many digits as a limit allows and one more, brackets as deep, powers as
large, letters of every Unicode class, half characters; and they cut, repeat and join what they made. They are put to the answer
checker, the expression parser, annotated solutions, records, recipes, rows of problem files and of published traces. math-verify's process is
stubbed out, or one hard answer in ten would take most of the time; with --worker it is the real one, with 0.8 s for an answer.

An input is a crash if it raises what its reader does not promise to raise. Seconds are those of this thread's processor; with
--worker they are of the clock, of one judgement each, without those that a fresh process takes to start after one was killed at
its deadline (importing sympy; given as "starting_seconds"). Code run is what Python itself reports: a program started, a connection made, a file opened for writing,
a source text compiled. Prints one JSON object, and exits with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from journey.answers import checker, exact, voting
from journey.answers.comparing import last_resort, outcomes
from journey.answers.equations import Unreadable, equations
from journey.answers.grading import grade
from journey.answers.mathworker import MathWorker
from journey.catalog import FAMILIES
from journey.errors import JourneyError
from journey.generate.imports.formats import FORMATS
from journey.generate.imports.readers.cells import TraceRow
from journey.generate.imports.records import ImportedProblem
from journey.generate.imports.settings import ImportSettings
from journey.generate.methods.imported import Import
from journey.generate.methods.slips import Slips
from journey.rng import rng_for
from journey.schema import Pair, Problem, Sample, Tree, decode
from journey.settings import plain_yaml
from journey.settings.recipe import resolve_run
from journey.tables import files, problems, rows
from journey.tables.cells import Unusable

COLLECT_EVERY = 2000
LENGTHS = (
    1,
    2,
    3,
    17,
    18,
    19,
    20,
    24,
    25,
    60,
    61,
    199,
    200,
    201,
    299,
    300,
    301,
    999,
    1000,
    1001,
    4215,
    4299,
    4300,
    4301,
    4932,
)
DEPTHS = (1, 2, 6, 7, 20, 21, 39, 40, 41, 100, 1000, 5000)
POWERS = (0, 1, 2, 63, 64, 1000, 3579, 3580, 4089, 4090, 7000, 8000, 13_999, 14_000, 14_001, 16_384, 10**6, 10**18)
LETTERS = (
    "\uff11\uff12", "\u0661\u0662", "\U0001d7ce\U0001d7cf", "\u00b2\u00b3", "\u2460", "\u2167", "\u00bd\u2153", "\u200b", "\u200d", "\u00ad", "\u202e",
    "\u2066", "\ufeff", "e\u0301", "\ud800", "\udfff", "\u0000", "\x1b[31m", "\u2212", "\u00d7", "\u00f7", "\u03c0", "\u221e", "\u221a2", "\u4e2d", "\U0001f600",
)  # fmt: skip
CODE = (
    "__import__('os').system('touch PWNED')", "eval('1')", "().__class__", "exec(\"open('PWNED','w')\")", "lambda: 0", "{{7*7}}", "${7*7}",
    "%s%n", "`id`", "$(id)", "!!python/object/apply:os.system ['id']", "'; DROP TABLE x; --", "<script>1</script>", "\\input{/etc/passwd}",
)  # fmt: skip
LATEX = (
    "\\frac{%s}{%s}", "\\sqrt{%s}", "%s^{%s}", "%s_{%s}", "\\text{%s}", "\\left(%s\\right)", "\\{%s\\}", "[%s,%s)", "(%s, %s)", "%s = %s", "%s\\%%",
    "$%s$", "\\$%s", "%s dollars", "%s \\pm %s", "\\begin{pmatrix}%s\\\\%s\\end{pmatrix}", "%s:%s", "%s e%s", "%s and %s", "-%s", "%s/%s", "%s*%s", "%s!",
    "\\binom{%s}{%s}", "%s \\text{ cm}^2", "\\boxed{%s}", "1e%s", "%s,%s,%s", "%s %s/%s",
)  # fmt: skip
Text = Callable[[random.Random], str]


def number(rng: random.Random) -> str:
    """A number, often as long as a limit."""
    kind = rng.random()
    if kind < 0.5:
        return str(rng.randint(-1000, 1000))
    digits = "".join(rng.choices("0123456789", k=rng.choice(LENGTHS if kind < 0.6 else LENGTHS[:8])))
    if kind < 0.7:
        return f"{digits}.{rng.choice(digits)}"
    return f"{int(digits[:60]):,}" if kind < 0.8 else digits


def answer(rng: random.Random, depth: int = 0) -> str:
    """An answer: a number, a term of LaTeX over answers, letters, code, or a bracket nested to a limit."""
    kind = rng.random()
    if depth > 3 or kind < 0.35:
        return number(rng)
    if kind < 0.75:
        form = rng.choice(LATEX)
        return form % tuple(answer(rng, depth + 1) for _ in range(form.count("%s")))
    if kind < 0.8:
        return f"{rng.choice(('2', '3', '15', 'x', '0', '1.5', '1/3'))}^{{{rng.choice(POWERS)}}}"
    if kind < 0.85:
        opened, closed = rng.choice(
            (("(", ")"), ("{", "}"), ("[", "]"), ("\\frac{", "}{2}"), ("\\text{", "}"), ("-", ""), ("1+", ""))
        )
        count = rng.choice(DEPTHS[:10])
        return opened * count + number(rng) + closed * (count + rng.choice((0, 0, 0, 1, -1)))
    if kind < 0.9:
        return "".join(rng.choices(LETTERS, k=rng.randint(1, 4))) + number(rng)
    if kind < 0.94:
        return rng.choice(CODE)
    return "".join(rng.choices("0123456789xyz+-*/^(){}[],.:;=<>%$\\ \n_'\"!?", k=rng.choice((1, 5, 20, 200))))


def bent(rng: random.Random, text: str) -> str:
    """The text, now and then cut, repeated, or joined with another."""
    kind = rng.random()
    if kind < 0.85:
        return text
    if kind < 0.9:
        return text[: rng.randint(0, len(text))]
    if kind < 0.95:
        return text * rng.randint(2, 5)
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice((*LETTERS, *CODE)) + text[at:]


def output(rng: random.Random) -> str:
    """What a model wrote, with an answer somewhere."""
    forms = (
        "\\boxed{%s}",
        "The answer is %s.",
        "#### %s",
        "A: %s",
        "<think>%s</think>",
        "<think>%s",
        "so %s",
        "\\boxed{%s",
        "**Answer:** %s",
    )
    return bent(rng, "\n".join(rng.choice(forms) % answer(rng) for _ in range(rng.randint(1, 4))))


def solution(rng: random.Random) -> str:
    """A solution with calculations, annotated or not, true or not."""
    lines = []
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        a, b, sign = number(rng), number(rng), rng.choice("+-*/x\u00d7")
        calculation, value = f"{a}{sign}{b}", str(rng.randint(0, 99))
        if len(a) < 12 and len(b) < 12 and sign in "+-*":
            value = str(exact.evaluate(f"({a.replace(',', '')}){sign}({b.replace(',', '')})"))
        mark = f"<<{calculation}={value}>>" if rng.random() < 0.7 else ""
        lines.append(f"He has {calculation} = {mark}{value} {rng.choice(('eggs', 'dollars', '%', answer(rng)))}.")
    return bent(rng, " ".join(lines) + f"\n#### {value}")


def plain(rng: random.Random, depth: int = 0) -> Any:
    """JSON data."""
    kind = rng.random()
    if depth > 4 or kind < 0.5:
        return rng.choice(
            (None, True, 0, -1, 2**63, 2**64, 1e308, 5, "", number(rng), answer(rng), rng.choice(LETTERS))
        )
    if kind < 0.75:
        return [plain(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    names = (
        "id",
        "question",
        "answer",
        "problem",
        "shortcut",
        "journey",
        "nodes",
        "generate",
        "finetune",
        "base",
        "name",
        "seeds",
        "lr",
        "a.b",
    )
    return {rng.choice(names): plain(rng, depth + 1) for _ in range(rng.randint(0, 4))}


# --- what is tried: the reader, and what it may raise ------------------------------------------------------------------


def try_checker(rng: random.Random) -> None:
    """Extraction, comparison, grading and votes."""
    gold, given = bent(rng, answer(rng)), bent(rng, answer(rng))
    checker.judged(gold, given, timeout=0.8)
    text = output(rng)
    checker.extract(text)
    if rng.random() < 0.2:
        problem = Problem("p", "?", gold, "fuzz")
        grade(problem, text)
        voting.classes(problem, [given, gold, None, text[:200]])


def try_judgement(rng: random.Random) -> None:
    """One question to the checker, math-verify's process included."""
    checker.judged(bent(rng, answer(rng)), bent(rng, answer(rng)), timeout=0.8)


def try_parser(rng: random.Random) -> None:
    """Arithmetic, numbers, equations of anybody's text, expressions as votes read them."""
    text = bent(rng, answer(rng))
    try:
        str(exact.evaluate(text))
    except exact.NotANumber:
        pass
    checker.number(text)
    voting.canonical_expression(text)
    for one in equations(f"{text} = {number(rng)}. {text}"):
        _ = one.true


_SLIPS = Slips()


def try_solution(rng: random.Random) -> None:
    """A pair from an annotated solution, or the reason why there is none."""
    text = solution(rng)
    problem = Problem(
        "p",
        bent(rng, f"Tom has {number(rng)} eggs and {answer(rng)}. How many?"),
        text.rpartition("####")[2].strip(),
        "fuzz",
        solution=text,
    )
    try:
        _SLIPS.make(problem, rng.randint(0, 9))
    except Unreadable:
        pass


def try_record(rng: random.Random) -> None:
    """Lines of record files."""
    kind = rng.choice((Problem, Pair, Tree, Sample))
    try:
        data = json.dumps(plain(rng)).encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            data = data[: rng.randint(0, len(data))] + rng.choice((b"", b"\xff", b"[" * 2000, b"\\ud800"))
        decode(data, kind)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ):  # what every reader of records turns into one message
        pass


def try_recipe(rng: random.Random) -> None:
    """A recipe, from its text to its settings."""
    try:
        text = (
            json.dumps(plain(rng))
            if rng.random() < 0.5
            else bent(rng, f"name: {number(rng)}\nfinetune:\n  lr: {answer(rng)}\n{rng.choice(CODE)}\n")
        )
        data = plain_yaml.read(text, "fuzz", "hint")
        if isinstance(data, dict):
            resolve_run(data, {}, "fuzz")
    except JourneyError:
        pass


def try_row(rng: random.Random) -> None:
    """A row of a user's problem file."""
    try:
        row: Any = plain(rng)
        line = json.dumps({"question": answer(rng), "answer": solution(rng)} if rng.random() < 0.5 else row)
        parsed = files._object(files._parsed(bent(rng, line), "line 1"), "line 1")
        row = rows.read_row(parsed, "line 1", {})
        if isinstance(row, rows.UserRow):
            problems.as_problem(row, "fuzz")
    except JourneyError:
        pass


_FAILED_ROW = (
    Unusable,
    RecursionError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
)  # as the table counts them


def try_trace(rng: random.Random) -> None:
    """A row of a published data set, from its fields to its pair."""
    entry = rng.choice(FORMATS)
    row: dict[str, Any] = {}
    for dotted in entry.fields or ("question", "solution", "problem", "answer"):
        *path, last = dotted.split(".")
        place = row
        for name in path:
            place = place.setdefault(name, {})
        place[last] = _cell(rng)
    try:
        read = entry.read(TraceRow(row, "line 1", {}))
    except _FAILED_ROW:
        return
    problem = Problem("p", read.question, read.gold or "7", "fuzz")
    if read.numbers:
        problem = FAMILIES.get("countdown")().build(read.numbers, read.target, level=3)
    Import(ImportSettings(format=entry.name)).make_of_traces(ImportedProblem(problem, read.answers), rng.randint(0, 9))


def _cell(rng: random.Random, depth: int = 0) -> Any:
    """What a field of a trace may hold: texts, lists of them, steps and turns of chats."""
    kind = rng.random()
    if depth > 2 or kind < 0.4:
        return bent(rng, " ".join(rng.choice((solution, output, answer))(rng) for _ in range(rng.randint(1, 3))))
    if kind < 0.5:
        return plain(rng)
    if kind < 0.6:
        return rng.choice((True, False, 0, 1, -1, [3, 4, 7], ["correct"], "wrong", None))
    if kind < 0.8:
        return [_cell(rng, depth + 1) for _ in range(rng.randint(0, 5))]
    names = (
        "role",
        "content",
        "from",
        "value",
        "text",
        "rating",
        "completions",
        "chosen_completion",
        "label",
        "problem",
        "answer",
    )
    spoken = {
        "role": rng.choice(("user", "assistant", "mistake", "step", "notice")),
        "from": rng.choice(("human", "gpt")),
    }
    return {
        name: spoken.get(name) if rng.random() < 0.7 and name in spoken else _cell(rng, depth + 1) for name in names
    }


READERS: dict[str, tuple[Callable[[random.Random], None], float]] = {
    "answer checker": (try_checker, 0.50),
    "expression parser": (try_parser, 0.20),
    "annotated solutions": (try_solution, 0.10),
    "records": (try_record, 0.10),
    "recipes": (try_recipe, 0.02),
    "rows": (try_row, 0.05),
    "traces": (try_trace, 0.03),
}
_WATCHED = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "ctypes.dlopen",
    "compile",
}


def watch(seen: Counter[str]) -> None:
    """Count what Python reports of code being run and files being written, from now on."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED or (event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")):
            seen[event] += 1

    sys.addaudithook(hook)


def _time_the_starts() -> list[float]:
    """Seconds, in one place that grows, that questions wait for math-verify's process to be ready."""
    total = [0.0]
    ready = MathWorker._started

    def timed(self: MathWorker) -> subprocess.Popen[bytes]:
        began = time.perf_counter()
        try:
            return ready(self)
        finally:
            total[0] += time.perf_counter() - began

    MathWorker._started = timed  # type: ignore[method-assign]
    return total


def measure(inputs: int, seed: int, worker: bool) -> dict[str, Any]:
    """Try so many inputs; what was found."""
    if not worker:
        last_resort.ask_math_verify = lambda gold, answer, seconds, why: outcomes.undecided(why)
    readers = {"one judgement": (try_judgement, 1.0)} if worker else READERS
    names, weights = list(readers), [share for _, share in readers.values()]
    for name in names:  # imports and caches first
        for number_of in range(20):
            readers[name][0](rng_for("warm-up", seed, number_of))
    starting = _time_the_starts() if worker else [0.0]
    seen: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    crashes: list[str] = []
    slow: list[str] = []
    longest = 0.0
    clock = time.perf_counter if worker else time.thread_time
    watch(seen)
    gc.disable()  # between inputs instead, or whichever input comes then pays for all that the caches hold
    began = time.perf_counter()
    for index in range(inputs):
        if not index % COLLECT_EVERY:
            gc.collect()
        rng = rng_for("fuzz", seed, index)
        name = rng.choices(names, weights)[0]
        counts[name] += 1
        started, starts_before = clock(), starting[0]
        try:
            readers[name][0](rng)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            crashes.append(f"{name}, input {index}: {type(error).__name__}: {str(error)[:100]}")
        took = clock() - started - (starting[0] - starts_before)
        longest = max(longest, took)
        if took > 1:
            slow.append(f"{name}, input {index}: {took:.2f} s")
    gc.enable()
    if worker:
        seen = Counter(
            {
                event: count
                for event, count in seen.items()
                if event not in ("subprocess.Popen", "os.posix_spawn", "os.fork", "open")
            }
        )
    return {
        "inputs": inputs,
        "seed": seed,
        "maths": "real" if worker else "stubbed",
        "readers": dict(counts),
        "crashes": crashes[:20],
        "over_a_second": slow[:20],
        "longest_seconds": round(longest, 3),
        "code_run": dict(seen),
        "starting_seconds": round(starting[0], 1),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Read the options, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help="the real process of math-verify")
    given = parser.parse_args()
    found = measure(given.inputs, given.seed, given.worker)
    print(json.dumps(found, indent=2))
    sys.exit(bool(found["crashes"] or found["over_a_second"] or found["code_run"]))


if __name__ == "__main__":
    main()
