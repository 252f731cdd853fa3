"""Preflight checks: refusals before any training, each with the arm, the number of rows, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from journey import views
from journey.errors import UsageError
from journey.finetune.rows.rows import Rows
from journey.finetune.runs import Arm
from journey.finetune.training.protocol import IGNORED, Labels
from journey.formats.finetune import TemplateFile
from journey.models import policy, template
from journey.questions import load_questions
from journey.schema import Pair, Trace
from journey.views import Rendered, Span, View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
Pieces = Sequence[tuple[str, bool]]  # texts that follow one another, each with whether it is trained
_NO_LIMIT = 1_000_000  # tokenizers without a limit give 1e30
# Pairs put through the chat template; those whose prompt is tokenised again; rows of an arm that are decoded.
_TEMPLATED, _PROMPTED, _DECODED = 25, 200, 1000
_THINK, _END_THINK = views.THINK_OPEN.strip(), views.THINK_CLOSE.strip()


def spread(items: Sequence[T], count: int) -> Sequence[T]:
    """All items, or `count` of them at equal distances."""
    return items if len(items) <= count else [items[index * len(items) // count] for index in range(count)]


def length_limit(wanted: int | None, positions: int | None, tokenizer: PreTrainedTokenizerBase) -> int:
    """The longest row that fits: what is asked for, else what model and tokenizer can hold.

    Raises UsageError if more is asked for than the model has positions.
    """
    if wanted is not None and positions is not None and wanted > positions:
        raise UsageError(f"max_length {wanted}: the base has {positions} positions", f"give at most {positions}")
    limits = [limit for limit in (wanted, positions, tokenizer.model_max_length) if limit and limit < _NO_LIMIT]
    if not limits:
        raise UsageError("neither the base nor its tokenizer says how long a row may be", "give --max-length N")
    return wanted or min(limits)


def check_template(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], view: View) -> list[str]:
    """What the chat template does to an answer. Raises UsageError if it drops, moves or adds thinking; gives notes."""
    own = policy.of(tokenizer)
    notes = policy.sentences(own)
    end = str(tokenizer.eos_token)
    if end in own.open + own.close:
        raise UsageError(
            f"the chat template writes {end!r} in the middle of an answer, which is where this base stops writing",
            "set eos_token in a copy of its tokenizer_config.json to the token that ends a whole answer",
        )
    if view == "compact" or not tokenizer.chat_template or _begins_otherwise(own):
        return notes
    for pair in spread(pairs, _TEMPLATED):
        for trace in (pair.shortcut, pair.journey):
            text = views.render(trace, view).text
            notes += _template_on(tokenizer, views.prompt(pair.problem, view), text, view)
    return list(dict.fromkeys(notes))


def _begins_otherwise(own: TemplateFile) -> bool:
    """Whether answers begin elsewhere than right after the generation prompt, or between other tags than the views'.

    The template's own rendering of a finished conversation says nothing then: it is made for earlier turns.
    """
    return own.opened or bool(own.before) or own.open != policy.PLAIN.open


def _template_on(tokenizer: PreTrainedTokenizerBase, question: str, text: str, view: View) -> list[str]:
    user, answer = {"role": "user", "content": question}, {"role": "assistant", "content": text}
    own = policy.of(tokenizer)
    head, whole = policy.render(tokenizer, [user], own, True), policy.render(tokenizer, [user, answer], own, False)
    other = "give the base another chat template: --template FILE"
    if view == "think":
        other = f"train on --set view=plain (the same steps without the tags), or {other}"
        if _THINK in head.rpartition(question)[2]:
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
    if template.covers(tokenizer, everything):
        return
    unknown = template.unknown_words(tokenizer, everything)
    shown = ", ".join(map(repr, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
    raise UsageError(
        f"the base's tokenizer cannot carry {len(unknown)} of {len(words)} words of the {view} view: {shown}",
        "train another --base, or on problems that its vocabulary covers",
    )


def check_rows(data: Mapping[str, Rows], max_length: int, end: int) -> None:
    """Raises UsageError for rows that are too long, train on nothing, or do not train their end-of-turn token."""
    _check_lengths(data, max_length)
    for arm, rows in data.items():
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


def _check_lengths(data: Mapping[str, Rows], max_length: int) -> None:
    """What would be truncated in every arm: cutting rows of one arm and not of another is no fair comparison."""
    long = {arm: int((rows.lengths > max_length).sum()) for arm, rows in data.items()}
    arm = max(long, key=lambda name: long[name])
    if long[arm]:
        others = [f"{count} of {name}" for name, count in long.items() if name != arm]
        raise UsageError(
            f"arm {arm}: {long[arm]} of {len(data[arm])} rows are longer than {max_length} tokens (the longest has "
            f"{int(data[arm].lengths.max())}) and would be truncated" + (f"; {', '.join(others)}" if others else ""),
            f"drop these pairs for all arms with `journey curate --set max_tokens={max_length}`, or raise --max-length",
        )


def check_prompts(arm: str, rows: Rows, prompt_of: Callable[[int], Sequence[int]]) -> None:
    """Raises UsageError unless rows begin with the very tokens that are asked at evaluation, none of them trained."""
    looked_at = spread(range(len(rows)), _PROMPTED)
    wrong = 0
    for row in looked_at:
        span, size = rows.at(row), int(rows.prompts[row])
        wrong += rows.ids[span][:size].tolist() != list(prompt_of(row)) or bool(rows.weights[span][:size].any())
    if wrong:
        raise UsageError(
            f"arm {arm}: {wrong} of {len(looked_at)} rows do not begin with the prompt that is asked at evaluation, or "
            "train it",
            "an arm may change the answer alone: look at its file in finetune/arms",
        )


def check_meant(tokenizer: PreTrainedTokenizerBase, arm: str, rows: Rows, meant: Callable[[int], Pieces]) -> None:
    """Raises UsageError unless what is supervised, decoded, is what was meant; rows are looked at across the whole arm.

    `meant` gives the pieces of a row's completion, each with whether it is to be trained. The tokens are decoded one by
    one, so that nothing depends on the offsets by which they were labelled: a token is to be trained if its first visible
    character is.
    """
    text_of: dict[int, str] = {}
    for row in spread(range(len(rows)), _DECODED):
        wanted = meant(row)
        span, prompt = rows.at(row), int(rows.prompts[row])
        ids, weights = rows.ids[span][prompt:-1].tolist(), rows.weights[span][prompt:-1] > 0
        text = "".join(re.sub(r"\s", "", piece) for piece, _ in wanted)
        shown = _shown(tokenizer, ids, text_of)
        if "".join(shown) != text:
            decoded = str(tokenizer.decode(ids))
            raise UsageError(
                f"arm {arm}: what would be trained on does not read as the trace: {decoded[:120]!r}",
                "name another --base or view",
            )
        flags = [trained for piece, trained in wanted for _ in re.sub(r"\s", "", piece)]
        position, wrong = 0, []
        for one, weight, token in zip(shown, weights, ids, strict=True):
            if one and bool(weight) != flags[position]:
                wrong.append(token)
            position += len(one)
        if wrong:
            raise UsageError(
                f"arm {arm}: the loss mask is misaligned: in the row of problem {rows.problems[row]} {len(wrong)} of "
                f"{len(ids)} tokens are trained that should not be, or the other way round, e.g. "
                f"{str(tokenizer.decode(wrong[:8]))!r}",
                "use a base whose tokenizer says truly which characters a token covers (a tokenizer.json)",
            )


def _shown(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], text_of: dict[int, str]) -> list[str]:
    """What each token adds to the text, blanks left out."""
    for token in {*ids} - text_of.keys():
        text_of[token] = re.sub(r"\s", "", str(tokenizer.decode([token])))
    whole = re.sub(r"\s", "", str(tokenizer.decode(list(ids))))
    alone = [text_of[token] for token in ids]
    if "".join(alone) == whole:
        return alone
    # Tokens that hold a part of a character, or decode otherwise beside others.
    prefixes = [
        re.sub(r"\s", "", str(tokenizer.decode(list(ids[:end])))).rstrip("\ufffd") for end in range(len(ids) + 1)
    ]
    return [after[len(before) :] for before, after in pairwise(prefixes)]


def pieces(rendered: Rendered, trained: Callable[[Span], bool], frame: bool = True) -> Pieces:
    """The text of a completion in order, cut at its segments, each piece with whether it is trained.

    What lies between the segments (tags around the thinking) is trained if `frame` says so.
    """
    parts, position = [], 0
    for span in rendered.spans:
        parts.append((rendered.text[position : span.start], frame))
        parts.append((rendered.text[span.start : span.end], trained(span)))
        position = span.end
    return [*parts, (rendered.text[position:], frame)]


def check_arm(
    tokenizer: PreTrainedTokenizerBase,
    arm: Arm,
    rows: Rows,
    pairs: Sequence[Pair],
    traces: Sequence[Trace],
    view: View,
    labels: Labels | None,
) -> None:
    """Everything about one arm's rows that the pairs and traces which they were made of can tell. Raises UsageError."""

    def trained(span: Span) -> bool:
        return span.node < 0 or arm.weights.get(span.role, 1.0) > 0  # no node: filler, which is part of the frame

    check_prompts(arm.name, rows, lambda row: template.prompt_ids(tokenizer, pairs[row].problem, view))
    check_meant(tokenizer, arm.name, rows, lambda row: pieces(template.render(tokenizer, traces[row], view), trained))
    if labels is not None:
        end = template.end_of_turn(tokenizer)
        check_labels(labels, arm.name, rows, end if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id))


def check_labels(labels: Labels, arm: str, rows: Rows, pad: int) -> None:
    """Raises UsageError if the batch that an engine really trains on does not label the end of turn, or labels padding.

    Labels that are masked by the padding id lose the end of turn where both are the same token, and answers then never
    end. The longest and the shortest row make the batch, so that there is padding in it.
    """
    members = list(dict.fromkeys([int(rows.lengths.argmax()), int(rows.lengths.argmin())]))
    for row, got in zip(members, labels(rows, members, pad), strict=True):
        length, span = int(rows.lengths[row]), rows.at(row)
        wanted = np.where(rows.weights[span] > 0, rows.ids[span], IGNORED).tolist()
        if got[length - 1] == IGNORED and wanted[-1] == pad:
            raise UsageError(
                f"arm {arm}: labels are masked by the padding token, which is the end-of-turn token of this base: answers "
                "would never end",
                "use an engine that masks by position, or give the base's tokenizer a pad_token of its own",
            )
        if list(got[:length]) != wanted or any(label != IGNORED for label in got[length:]):
            raise UsageError(
                f"arm {arm}: what the engine trains on is not what the loss weights say", "use another --engine"
            )


def check_special(tokenizer: PreTrainedTokenizerBase, pairs: Iterable[Pair], view: View) -> None:
    """Raises UsageError if a problem or a trace holds text that the tokenizer reads as one of its own special tokens."""
    special = _special_tokens(tokenizer)
    if not special:
        return
    pattern = re.compile("|".join(re.escape(text) for text in sorted(special, key=len, reverse=True)))
    tokens: dict[str, str] = {}  # by problem
    for pair in pairs:
        question = pair.problem.brief if view == "compact" else pair.problem.question
        for text in (question, *(views.render(trace, view).text for trace in (pair.shortcut, pair.journey))):
            match = pattern.search(text)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"] if match else []
            if match and {special[hit[0]] for hit in pattern.finditer(text)} & {*ids}:
                tokens.setdefault(pair.problem.id, match[0])
    if tokens:
        problem, token = next(iter(tokens.items()))
        raise UsageError(
            f"{len(tokens)} problems hold text that this base reads as a control token of its own: {token!r}, e.g. in "
            f"problem {problem}",
            "drop them: `journey curate` with this very --base does so (its filter markup)",
        )


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Special tokens by their text; not the thinking tags, which the view writes itself, nor that for unknown words."""
    added = {token.content: token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special}
    added |= dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    unknown = tokenizer.unk_token_id
    ends = {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id}
    return {
        text: token_id
        for text, token_id in added.items()
        if text.strip() and text not in (_THINK, _END_THINK) and (token_id != unknown or token_id in ends)
    }


def check_boundary(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], view: View, apart: bool) -> list[str]:
    """Whether the tokens of a prompt stay the same when the answer is joined to it.

    Rows are tokenised apart, and the prompt of a row is what is asked at evaluation. But where prompt and answer would
    share a token, trainers that join them see other tokens than these, and the base has hardly ever begun a text at such
    a place. Raises UsageError naming the token, unless `apart`; then it is a note.
    """
    looked_at = spread(pairs, _PROMPTED)
    merged = [pair for pair in looked_at if _merges(tokenizer, pair, view)]
    if not merged:
        return []
    last = str(tokenizer.decode(template.prompt_ids(tokenizer, merged[0].problem, view)[-1:]))
    words = (
        f"in {len(merged)} of {len(looked_at)} pairs the prompt's last token ({last!r}) merges with the answer's first one "
        "where both are tokenised together"
    )
    if apart:
        return [f"{words}; they are trained and evaluated apart here"]
    raise UsageError(
        f"{words}: the prompt is no token prefix of prompt and answer",
        (
            "end the chat template's generation prompt at a token's end (without a blank)"
            if tokenizer.chat_template
            else "part question and answer otherwise: --set separator=TEXT"
        )
        + ", or train on them apart: --set boundary=apart",
    )


def _merges(tokenizer: PreTrainedTokenizerBase, pair: Pair, view: View) -> bool:
    prompt = template.prompt_ids(tokenizer, pair.problem, view)
    text = template.prompt_text(tokenizer, pair.problem, view)
    between = " " if view == "compact" else ""
    for trace in (pair.shortcut, pair.journey):
        joined = tokenizer(f"{text}{between}{template.render(tokenizer, trace, view).text}", add_special_tokens=False)[
            "input_ids"
        ]
        whole = [*template.prompt_start(tokenizer, view), *joined]
        if whole[: len(prompt)] != prompt:
            return True
    return False


def check_same_problems(data: Mapping[str, Rows], exempt: Collection[str] = ()) -> None:
    """Raises UsageError if the arms do not have the same problems, row by row.

    `exempt` names arms whose very point is to see further problems.
    """
    (first, rows), *others = [(name, rows) for name, rows in data.items() if name not in exempt] or [*data.items()]
    for arm, more in others if first not in exempt else ():
        differing = sum(a != b for a, b in zip(rows.problems, more.problems, strict=False))
        differing += abs(len(rows) - len(more))
        if differing:
            raise UsageError(
                f"arms {first} and {arm} differ in the problems of {differing} rows", "curate them again, as pairs"
            )


def normalised(question: str) -> str:
    """Words, numbers and signs in lower case, one blank between."""
    return " ".join(re.findall(r"\w+|[^\w\s]", question.casefold()))


def check_overlap(pairs: Sequence[Pair], benchmarks: Iterable[str], fields: Mapping[str, str] | None = None) -> None:
    """Raises UsageError if a training problem is a question of a benchmark, by id or normalised text.

    `fields` are the field names of benchmarks that are files.
    """
    ids = {pair.problem.id for pair in pairs}
    known_questions = {normalised(pair.problem.question) for pair in pairs}
    for name in benchmarks:
        questions, _ = load_questions(name, fields=fields)
        shared = [q for q in questions if q.problem.id in ids or normalised(q.problem.question) in known_questions]
        if shared:
            raise UsageError(
                f"{len(shared)} of {len(questions)} questions of {name} are training problems, e.g. "
                f"{shared[0].problem.question[:100]!r}",
                f"drop them with `journey curate --benchmarks {name}`",
            )
