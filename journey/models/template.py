"""Problems and traces as a base's tokens: the prompt through its chat template, the completion and the end of the turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from journey import views
from journey.errors import UsageError
from journey.formats.finetune import TemplateFile
from journey.models import policy
from journey.models.load import pocket_folder
from journey.schema import Pair, Problem, Trace
from journey.views import Rendered, Span, View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class TrainingRow:
    """One training row: token ids of prompt and completion (end-of-turn included), and the completion's text."""

    prompt: list[int]
    completion: list[int]
    text: str
    spans: tuple[Span, ...]


def covers(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """Whether the tokenizer can carry a text: encoding and decoding gives it back, blanks apart."""
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]  # said of texts longer than a row
    return "".join(str(tokenizer.decode(ids)).split()) == "".join(text.split())


def unknown_words(tokenizer: PreTrainedTokenizerBase, text: str) -> list[str]:
    """The words of a text that the tokenizer cannot carry, in order, each once."""
    return [word for word in dict.fromkeys(text.split()) if not covers(tokenizer, word)]


def default_view(tokenizer: PreTrainedTokenizerBase) -> View:
    """`think` where the tokenizer can carry prose, else `compact`: looked up, not guessed from the model's name."""
    return "think" if covers(tokenizer, f"<think>\nSo 3 + 4 = 7.\n</think>\n\n{views.INSTRUCTION}") else "compact"


def suggested_base(pairs: Iterable[Pair]) -> str:
    """The catalog's smallest model that can read some pairs: `pocket` where it has all their terse words."""
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(pocket_folder() / "tokenizer.json")).get_vocab()
    texts = ((p.problem.brief, *(s.brief for t in (p.shortcut, p.journey) for s in t.segments)) for p in pairs)
    carried = all(word in words for text in texts for part in text for word in part.split())
    return "pocket" if carried else "smollm2-135m"


def described(tokenizer: PreTrainedTokenizerBase, view: View) -> str:
    """What the chat template does and how it is used in a view, in words."""
    found = policy.find(tokenizer, view, policy.Wishes())
    kind = "a chat template" if tokenizer.chat_template else "no chat template"
    return "; ".join([f"{kind}, view {view}", *(policy.sentences(found) if found is not None else ["used as it is"])])


def prompt_text(tokenizer: PreTrainedTokenizerBase, problem: Problem, view: View) -> str:
    """The prompt as text: through the chat template where there is one."""
    return said_text(tokenizer, views.prompt(problem, view), view)


def said_text(tokenizer: PreTrainedTokenizerBase, text: str, view: View) -> str:
    """What the user says, as the model is to read it."""
    if view == "compact":
        return text
    own = policy.of(tokenizer)
    if not tokenizer.chat_template:
        return f"{text}{own.separator}"
    return policy.render(tokenizer, [{"role": "user", "content": text}], own, True) + own.before


def prompt_start(tokenizer: PreTrainedTokenizerBase, view: View) -> list[int]:
    """The tokens before a prompt's text: <bos>, where the tokenizer has one and no template writes it."""
    templated = tokenizer.chat_template and view != "compact"
    return [] if templated or tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]


def prompt_ids(tokenizer: PreTrainedTokenizerBase, problem: Problem, view: View) -> list[int]:
    """The prompt's token ids: through the chat template where there is one, else the text after <bos>."""
    return text_ids(tokenizer, views.prompt(problem, view), view)


def text_ids(tokenizer: PreTrainedTokenizerBase, text: str, view: View) -> list[int]:
    """The token ids of what the user says, as `prompt_ids` makes them."""
    prompt = said_text(tokenizer, text, view)
    return [*prompt_start(tokenizer, view), *tokenizer(prompt, add_special_tokens=False)["input_ids"]]


def render(tokenizer: PreTrainedTokenizerBase, trace: Trace, view: View) -> Rendered:
    """The completion as the base is to write it: the view's text, between the tags of its template policy."""
    return policy.framed(views.render(trace, view), policy.of(tokenizer))


def row(tokenizer: PreTrainedTokenizerBase, problem: Problem, trace: Trace, view: View) -> TrainingRow:
    """Prompt and completion tokenised apart, so that the loss starts at the same boundary for every arm."""
    rendered = render(tokenizer, trace, view)
    ids = list(tokenizer(rendered.text, add_special_tokens=False)["input_ids"])
    return TrainingRow(
        prompt_ids(tokenizer, problem, view), [*ids, end_of_turn(tokenizer)], rendered.text, rendered.spans
    )


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an answer. Raises UsageError if the tokenizer has none."""
    if tokenizer.eos_token_id is None:
        raise UsageError("the tokenizer has no end-of-turn token", "set eos_token in its tokenizer_config.json")
    return int(tokenizer.eos_token_id)


def undated(tokenizer: PreTrainedTokenizerBase) -> TemplateFile:
    """The tokenizer's own template; one that writes the date gets a fixed one, so that tomorrow's texts are today's."""
    dated = policy.tells_the_time(tokenizer)
    return msgspec.structs.replace(policy.PLAIN, date=policy.TODAY if dated else None)


def answered_ids(tokenizer: PreTrainedTokenizerBase, problem: Problem, text: str, own: TemplateFile) -> list[int]:
    """What a reward model reads: a question with a text for its answer, as a chat where the tokenizer has a template for one."""
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": problem.question}, {"role": "assistant", "content": text}]
        dialogue = policy.render(tokenizer, messages, own, False)
        return list(tokenizer(dialogue, add_special_tokens=False)["input_ids"])
    words = problem.question if covers(tokenizer, problem.question) else problem.brief or problem.question
    return list(tokenizer(f"{words} {text}")["input_ids"])
