"""Precision and recall of the behaviour rules, against generated traces with known roles and against hand labels.

    python -P -m journey.evaluate.behaviour.quality data/runs/demo/generate

Precision is the share of marks that touch a segment of a fitting role, recall the share of such segments that a mark
touches. Both halves of every pair are read, so that a shortcut, which goes back on nothing, can show false marks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from journey import views
from journey.evaluate.behaviour.reading import read
from journey.evaluate.behaviour.records import MARKS_OF
from journey.evaluate.behaviour.sentences import kind_of, marked, sentences
from journey.formats.behaviour import Habit
from journey.schema import Pair, Role
from journey.views import View

ROLES: dict[Habit, tuple[Role, ...]] = {"backtracks": ("backtrack",), "verifies": ("notice", "check")}
NONE = "none"


@dataclass
class Quality:
    """Counts of right marks, of all marks, of the segments (or labelled sentences) that a mark touches, and of all segments."""

    right: int = 0
    marks: int = 0
    recalled: int = 0
    segments: int = 0

    @property
    def precision(self) -> float | None:
        """Share of marks that are right; None without a mark."""
        return self.right / self.marks if self.marks else None

    @property
    def recall(self) -> float | None:
        """Share of the segments that a mark touches; None without a segment."""
        return self.recalled / self.segments if self.segments else None

    def __str__(self) -> str:
        return f"precision {self.right}/{self.marks}, recall {self.recalled}/{self.segments}"


def against_roles(pairs: Iterable[Pair], view: View) -> dict[str, Quality]:
    """The habits that our roles have, and `mistakes`: false steps and dead tries against segments of that role."""
    by_habit: dict[str, Quality] = {habit: Quality() for habit in [*ROLES, "mistakes"]}
    for pair in pairs:
        for trace in (pair.journey, pair.shortcut):
            rendered = views.render(trace, view)
            marks = marked(rendered.text)
            for habit, roles in ROLES.items():
                spans = [(m.start, m.end) for m in marks if m.kind in MARKS_OF[habit]]
                truth = [(s.start, s.end) for s in rendered.spans if s.role in roles and s.end > s.start]
                _count(by_habit[habit], spans, truth)
            wrong = [(m.start, m.end) for m in read(rendered.text, pair.problem).marks if m.kind == "mistake"]
            truth = [(s.start, s.end) for s in rendered.spans if s.role == "mistake" and s.end > s.start]
            _count(by_habit["mistakes"], wrong, truth)
    return by_habit


def _count(quality: Quality, spans: list[tuple[int, int]], truth: list[tuple[int, int]]) -> None:
    def touches(one: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        return any(one[0] < end and one[1] > start for start, end in others)

    quality.right += sum(touches(span, truth) for span in spans)
    quality.marks += len(spans)
    quality.recalled += sum(touches(span, spans) for span in truth)
    quality.segments += len(truth)


def against_labels(text: str, labels: Mapping[str, str], key: object) -> Iterable[tuple[str, str]]:
    """(label, what the rules say) of every sentence of a text whose `key(sentence)` is labelled; a kind or "none"."""
    names = {kind: habit for habit, kinds in MARKS_OF.items() for kind in kinds}
    assert callable(key)
    for start, end in sentences(text):
        label = labels.get(key(text[start:end]))
        if label is not None:
            kind = kind_of(text[start:end])
            yield label, names.get(kind, NONE) if kind is not None else NONE


def main(folders: Iterable[str]) -> None:
    """Print the quality of the rules on generated pairs, in both notations."""
    from journey.formats.folders import open_finished

    for folder in folders:
        pairs = list(open_finished(folder, "generate").pairs())
        for view in ("think", "compact"):
            for name, quality in against_roles(pairs, view).items():
                print(f"{folder} {view} {name}: {quality}")


if __name__ == "__main__":
    main(sys.argv[1:])
