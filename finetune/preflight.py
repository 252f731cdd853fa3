"""Refusals before any training: each says which arm, how many rows, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from journey import models, views
from journey.errors import UsageError
from journey.finetune.tokens import Rows
from journey.questions import load_questions
from journey.schema import Pair
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NO_LIMIT = 1_000_000  # tokenizers without a limit give 1e30
_THINK, _END_THINK = views.THINK_OPEN.strip(), views.THINK_CLOSE.strip()


def length_limit(asked: int | None, positions: int | None, tokenizer: PreTrainedTokenizerBase) -> int:
    """The longest row that fits: what is asked for, else what model and tokenizer can hold.

    Raises UsageError if more is asked for than the model has positions.
    """
    if asked is not None and positions is not None and asked > positions:
        raise UsageError(f"max_length {asked}: the base has {positions} positions", f"give at most {positions}")
    limits = [limit for limit in (asked, positions, tokenizer.model_max_length) if limit and limit < _NO_LIMIT]
    if not limits:
        raise UsageError("neither the base nor its tokenizer says how long a row may be", "give --max-length N")
    return asked or min(limits)


def check_template(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], view: View) -> list[str]:
    """What the chat template does to an answer. Raises UsageError if it drops, moves or adds thinking; gives notes."""
    if view == "compact" or not tokenizer.chat_template:
        return []
    notes: list[str] = []
    for trace in (pairs[0].shortcut, pairs[0].journey):
        text = views.render(trace, view).text
        notes += _template_on(tokenizer, views.prompt(pairs[0].problem, view), text, view)
    return list(dict.fromkeys(notes))


def _template_on(tokenizer: PreTrainedTokenizerBase, asked: str, text: str, view: View) -> list[str]:
    user, answer = {"role": "user", "content": asked}, {"role": "assistant", "content": text}
    head = str(tokenizer.apply_chat_template([user], add_generation_prompt=True, tokenize=False))
    whole = str(tokenizer.apply_chat_template([user, answer], tokenize=False))
    other = "train on --set view=plain (the same steps without the tags), or give the base a template that keeps them"
    if view == "think":
        if _THINK in head.rpartition(asked)[2]:
            raise UsageError(f"the chat template writes {_THINK} itself before every answer", other)
        thinking = text[: text.index(_END_THINK)].removeprefix(_THINK).strip()
        if _THINK not in whole or thinking not in whole:
            raise UsageError(f"the chat template drops the thinking part ({_THINK}) of an answer", other)
    start = len(head) if whole.startswith(head) else -1
    after = whole[start:].lstrip() if start >= 0 else ""
    if not after.startswith(text.strip()):
        raise UsageError("the chat template moves or changes the text of an answer", other)
    end, closing = tokenizer.eos_token, after[len(text.strip()) :].strip()
    if closing and not closing.startswith(str(end)):
        return [f"the chat template ends an answer with {closing!r}, the training rows end with {end!r}"]
    return []


def check_words(tokenizer: PreTrainedTokenizerBase, pairs: Iterable[Pair], view: View) -> None:
    """Raises UsageError naming the words that the tokenizer cannot carry."""
    words: dict[str, None] = {}
    for pair in pairs:
        texts = (views.prompt(pair.problem, view), *(views.render(t, view).text for t in (pair.shortcut, pair.journey)))
        words.update(dict.fromkeys(word for text in texts for word in text.split()))
    everything = " ".join(words)
    if models.covers(tokenizer, everything):
        return
    unknown = models.unknown_words(tokenizer, everything)
    shown = ", ".join(map(repr, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
    raise UsageError(
        f"the base's tokenizer cannot carry {len(unknown)} of {len(words)} words of the {view} view: {shown}",
        "train another --base, or on problems that its vocabulary covers",
    )


def check_rows(data: Mapping[str, Rows], max_length: int, end: int) -> None:
    """Raises UsageError for rows that are too long, train on nothing, or do not train their end-of-turn token."""
    for arm, rows in data.items():
        lengths = rows.lengths
        long = int((lengths > max_length).sum())
        if long:
            raise UsageError(
                f"arm {arm}: {long} of {len(rows)} rows are longer than {max_length} tokens (the longest has "
                f"{int(lengths.max())}) and would be truncated",
                f"drop these pairs for all arms with `journey curate --set max_tokens={max_length}`, or raise --max-length",
            )
        empty = int((rows.supervised == 0).sum() + (rows.prompts == 0).sum())
        if empty:
            raise UsageError(
                f"arm {arm}: {empty} of {len(rows)} rows have nothing to train on, or no prompt to train on after",
                "look at the arm's loss weights and at the pairs with `journey show`",
            )
        last = rows.starts[1:] - 1
        unended = int(((rows.ids[last] != end) | (rows.weights[last] <= 0)).sum())
        if unended:
            raise UsageError(
                f"arm {arm}: {unended} of {len(rows)} rows do not train the end-of-turn token, so answers would not end",
                "give the answer a loss weight above 0",
            )


def check_text(tokenizer: PreTrainedTokenizerBase, arm: str, rows: Rows, text: str) -> None:
    """Raises UsageError unless the first row's completion decodes to its text: what is trained on, not what was meant."""
    trained = rows.ids[rows.at(0)][int(rows.prompts[0]) : -1]
    said = str(tokenizer.decode(trained.tolist()))
    if "".join(said.split()) != "".join(text.split()):
        raise UsageError(
            f"arm {arm}: what would be trained on does not read as the trace: {said[:120]!r}",
            "name another --base or view",
        )


def check_same_problems(data: Mapping[str, Rows]) -> None:
    """Raises UsageError if the arms do not have the same problems, row by row."""
    (first, rows), *others = data.items()
    for arm, more in others:
        differing = sum(a != b for a, b in zip(rows.problems, more.problems, strict=False))
        differing += abs(len(rows) - len(more))
        if differing:
            raise UsageError(
                f"arms {first} and {arm} differ in the problems of {differing} rows", "curate them again, as pairs"
            )


def normalised(question: str) -> str:
    """Words, numbers and signs in lower case, one blank between."""
    return " ".join(re.findall(r"\w+|[^\w\s]", question.casefold()))


def check_overlap(pairs: Sequence[Pair], benchmarks: Iterable[str]) -> None:
    """Raises UsageError if a training problem is a question of a benchmark, by id or normalised text."""
    ids = {pair.problem.id for pair in pairs}
    asked = {normalised(pair.problem.question) for pair in pairs}
    for name in benchmarks:
        questions, _ = load_questions(name)
        shared = [q for q in questions if q.problem.id in ids or normalised(q.problem.question) in asked]
        if shared:
            raise UsageError(
                f"{len(shared)} of {len(questions)} questions of {name} are training problems, e.g. "
                f"{shared[0].problem.question[:100]!r}",
                f"drop them with `journey curate --benchmarks {name}`",
            )
