"""The preflight of rows that hold their thinking in `reasoning_content`: the labels that a trainer would make of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from journey import console, views
from journey.errors import UsageError
from journey.formats.folders import CuratedFolder
from journey.models import load, places, policy
from journey.publish.tables import columns
from journey.schema import Pair
from journey.views import View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LOOKED_AT = 20


def check(curated: CuratedFolder, view: View) -> None:
    """Raises UsageError where the template of the base that the pairs are for would not train on thinking and answer."""
    if view != "think":
        raise UsageError("reasoning_content holds the thinking of the view think", "add --view think, or leave it out")
    try:
        tokenizer = None if curated.base is None else load.load_tokenizer(places.base_of(curated))
    except UsageError as error:
        console.note(f"reasoning_content was not tried: {error}")
        return
    if tokenizer is not None:
        policy.attach(tokenizer, curated.template)
    if tokenizer is None or not tokenizer.chat_template:
        console.note("reasoning_content was not tried: the pairs are curated for no base with a chat template")
        return
    check_labels(tokenizer, list(islice(curated.pairs("train"), _LOOKED_AT)))


def check_labels(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]) -> None:
    """Put conversations through the chat template, label what follows the prompt, and decode the labels.

    Raises UsageError where they lack the thinking or the answer, which a trainer would then not learn, in silence.
    """
    own = policy.of(tokenizer)
    for pair in pairs:
        for trace in (pair.journey, pair.shortcut):
            question = {"role": "user", "content": views.prompt(pair.problem, "think")}
            answer = {"role": "assistant", **columns.thinking_apart(views.render(trace, "think").text)}
            head = policy.render(tokenizer, [question], own, True)
            whole = policy.render(tokenizer, [question, answer], own, False)
            labels = _labels(tokenizer, head, whole)
            for name in (columns.REASONING, "content"):
                if answer[name].strip() not in labels:
                    raise UsageError(
                        f"the chat template of the base does not train on {name}: of pair {pair.pair_id} the labels read "
                        f"{labels[:80]!r}",
                        "publish without --reasoning-content, or curate for a base (or with a --template) that reads it",
                    )


def _labels(tokenizer: PreTrainedTokenizerBase, head: str, whole: str) -> str:
    """What a trainer predicts of a conversation, decoded: the tokens after those that it shares with its prompt."""

    def ids(text: str) -> list[Any]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    prompt, everything = ids(head), ids(whole)
    shared = next((n for n, (a, b) in enumerate(zip(prompt, everything, strict=False)) if a != b), len(prompt))
    return str(tokenizer.decode(everything[shared:]))
