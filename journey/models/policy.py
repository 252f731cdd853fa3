"""The template policy: how a base's chat template is used, found by what it does and never by the base's name.

    policy = find(tokenizer, view, Wishes())      # None: the template is used as it is, as journey 0.1 did
    attach(tokenizer, policy)                     # from now on `journey.models.template` follows it

A template is rendered on marks and looked at: whether it writes the date, whether its generation prompt opens or closes a
thinking part, what it writes around the thinking and before the text of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from journey import console, views
from journey.errors import JourneyError, UsageError
from journey.formats.finetune import TemplateFile
from journey.views import Rendered, Span, View

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Thinking = Literal["written", "opened", "closed"]
TODAY = "2026-01-01"  # what templates that write the date are told, so that prompts do not change from day to day
CLOCKS = (datetime(2001, 2, 3, 4, 5, 6), datetime(2038, 11, 27, 18, 49, 58))  # differ in every part
SEPARATORS = ("\n\n", "\n", " ", "\n---\n")
THINK, END_THINK = views.THINK_OPEN.strip(), views.THINK_CLOSE.strip()
_QUESTION, _THOUGHT, _ANSWER = "Zq question", "Zt thought", "Za answer"
_OFF, _ON = {"enable_thinking": False}, {"enable_thinking": True}
# What answers begin with, by view: the separator must not merge with it.
_BEGINNINGS = {"think": (THINK,), "plain": ("First", "I", "So", "The", "We", "1")}
_ENDS = (f"How many?\n\n{views.INSTRUCTION}", f"It is 7.\n\n{views.INSTRUCTION}")
_NAME = "journey_policy"  # of the attribute by which a tokenizer carries its policy
PLAIN = TemplateFile()


@dataclass(frozen=True)
class Wishes:
    """What a person set; None is left to what the template does."""

    template: str | None = None  # its text
    args: Mapping[str, Any] = field(default_factory=dict)
    date: str | None = None
    thinking: Thinking | None = None
    separator: str | None = None

    def __bool__(self) -> bool:
        return self != Wishes()


class TemplateOptions(Protocol):
    """What settings say of a template: `journey.config.TemplateSettings`."""

    @property
    def template(self) -> str | None: ...
    @property
    def template_args(self) -> dict[str, Any] | None: ...
    @property
    def template_date(self) -> str | None: ...
    @property
    def thinking(self) -> Thinking | None: ...
    @property
    def separator(self) -> str | None: ...


def wishes_of(settings: TemplateOptions) -> Wishes:
    """What settings ask for. Raises UsageError for a template file that cannot be read."""
    text = None if settings.template is None else read_template(settings.template)
    args = settings.template_args or {}
    return Wishes(text, args, settings.template_date, settings.thinking, settings.separator)


def earlier_wishes(config: Mapping[str, Any], made: TemplateFile | None) -> Wishes:
    """What an earlier stage was asked for, by its manifest's settings and its template file."""
    if made is None:
        return Wishes()
    facts = (config.get(name) for name in ("template_date", "thinking", "separator"))
    return Wishes(made.text, config.get("template_args") or {}, *facts)


def of(tokenizer: PreTrainedTokenizerBase | None) -> TemplateFile:
    """The policy that a tokenizer carries."""
    return getattr(tokenizer, _NAME, None) or PLAIN


def attach(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile | None) -> PreTrainedTokenizerBase:
    """The tokenizer, which carries the policy from now on."""
    if policy is not None:
        setattr(tokenizer, _NAME, policy)
        if policy.text is not None:
            tokenizer.chat_template = policy.text
    return tokenizer


def read_template(file: str) -> str:
    """The text of a chat template. Raises UsageError if there is none that can be read."""
    path = Path(file).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--template {file}: {error}", "give a text file with a Jinja chat template") from None
    if not text.strip():
        raise UsageError(f"--template {file} is empty", "give a text file with a Jinja chat template")
    return text


# Of strftime; a macro replaces them one after the other, the doubled percent sign last.
_CODES = [f"%{flag}{code}" for flag in ("-", "") for code in "aAbBcdDeFHIjmMpRSTUwWxXyY"] + ["%%"]


def dated(text: str, day: str) -> str:
    """A chat template whose clock stands still: a macro of its own in place of the engine's `strftime_now`."""
    when = datetime.fromisoformat(day)
    steps = "".join(f"|replace({_literal(code)},{_literal(when.strftime(code))})" for code in _CODES)
    return f"{{%- macro strftime_now(form) -%}}{{{{ form{steps} }}}}{{%- endmacro -%}}" + text


def render(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, Any]], policy: TemplateFile, ask: bool
) -> str:
    """Messages through the template; with `ask` the generation prompt follows. Raises UsageError where it fails."""
    more: dict[str, Any] = dict(policy.args)
    if policy.date is not None:
        more["chat_template"] = dated(tokenizer.get_chat_template(), policy.date)
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(m) for m in messages], add_generation_prompt=ask, tokenize=False, **more
            )
        )
    except Exception as error:  # noqa: BLE001 - a template is a program of somebody else
        lines = str(error).strip().splitlines()
        raise UsageError(
            f"the chat template fails on a question: {type(error).__name__}: {lines[0] if lines else ''}",
            "give another with --template FILE, or what it lacks with --set template_args.NAME=VALUE",
        ) from None


def tells_the_time(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile = PLAIN) -> bool:
    """Whether the chat template writes the time: a question is rendered under two clocks."""
    if not tokenizer.chat_template:
        return False
    texts = {_asked(tokenizer, msgspec.structs.replace(policy, date=clock.isoformat())) for clock in CLOCKS}
    return len(texts) > 1


def _asked(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile) -> str:
    return render(tokenizer, [{"role": "user", "content": _QUESTION}], policy, True)


def _answered(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile, **answer: str) -> str:
    """A question with an answer; "" where the template cannot take such an answer."""
    messages = [{"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER, **answer}]
    try:
        return render(tokenizer, messages, policy, False)
    except UsageError:
        return ""


def find(tokenizer: PreTrainedTokenizerBase, view: View, wishes: Wishes, *, apart: bool = False) -> TemplateFile | None:
    """The policy of a base in a view: what is wished for, the rest by what the template does; None for 0.1's own way.

    The tokenizer is left as it is. Raises UsageError for wishes that the template does not fulfil.
    """
    if view == "compact":
        if wishes:
            raise UsageError("the compact view has no chat template", "train on --set view=think or plain")
        return None
    own = tokenizer.chat_template
    text = wishes.template
    try:
        tokenizer.chat_template = text or own
        policy = _found(tokenizer, view, wishes, text, apart)
    finally:
        tokenizer.chat_template = own
    return policy if wishes or policy != PLAIN else None


def _found(
    tokenizer: PreTrainedTokenizerBase, view: View, wishes: Wishes, text: str | None, apart: bool
) -> TemplateFile:
    policy = TemplateFile(text=text, args=dict(wishes.args), date=_date(wishes.date))
    if not tokenizer.chat_template:
        return _without_template(tokenizer, view, wishes, policy, apart)
    if wishes.separator is not None:
        raise UsageError("a separator is for bases without a chat template, and this one has one", "leave it out")
    if policy.date is None and tells_the_time(tokenizer, policy):
        policy = msgspec.structs.replace(policy, date=TODAY)
    if view == "think":
        return _thinking(tokenizer, policy, wishes.thinking)
    return _plainly(tokenizer, policy, wishes)


def _date(given: str | None) -> str | None:
    try:
        return None if given is None else date.fromisoformat(given).isoformat()
    except ValueError:
        raise UsageError(f"template_date {given!r} is no date", "e.g. --set template_date=2026-01-01") from None


def _without_template(
    tokenizer: PreTrainedTokenizerBase, view: View, wishes: Wishes, policy: TemplateFile, apart: bool
) -> TemplateFile:
    if wishes.args or wishes.date or wishes.thinking:
        raise UsageError("this base has no chat template to be set", "give one with --template FILE")
    if wishes.separator is not None:
        return msgspec.structs.replace(policy, separator=wishes.separator)
    if apart:
        return policy
    fitting = (one for one in SEPARATORS if not _merges(tokenizer, one, view))
    return msgspec.structs.replace(policy, separator=next(fitting, SEPARATORS[0]))


def _merges(tokenizer: PreTrainedTokenizerBase, separator: str, view: View) -> bool:
    """Whether a separator's tokens are others once an answer follows."""

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    for end in _ENDS:
        prompt = ids(end + separator)
        for beginning in _BEGINNINGS[view]:
            if ids(end + separator + beginning)[: len(prompt)] != prompt:
                return True
    return False


def _tail(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile) -> str:
    """What the generation prompt writes after the question."""
    return _asked(tokenizer, policy).rpartition(_QUESTION)[2]


def _opens(tail: str) -> bool:
    """Whether a thinking part is open at the end of a prompt."""
    return tail.rfind(THINK) > tail.rfind(END_THINK)


def _thinking(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile, wish: Thinking | None) -> TemplateFile:
    """View think: who writes the opening tag, and which tags they are."""
    tail = _tail(tokenizer, policy)
    if wish == "closed":
        raise UsageError("thinking=closed leaves no room for thoughts", "train on --set view=plain")
    if END_THINK in tail and not _opens(tail):
        helps = _opens(_tail(tokenizer, _with(policy, _ON))) or END_THINK not in _tail(tokenizer, _with(policy, _ON))
        raise UsageError(
            "the generation prompt of the chat template closes the thinking part",
            "--set template_args.enable_thinking=true"
            if helps
            else "give another with --template FILE, or train on --set view=plain",
        )
    if _opens(tail):
        if wish == "written":
            raise UsageError(
                f"the generation prompt of the chat template opens {THINK} itself", "leave out --set thinking=written"
            )
        return msgspec.structs.replace(policy, open=tail[tail.rfind(THINK) :], opened=True)
    frame = _frame(tokenizer, policy)
    if frame is not None:
        policy = msgspec.structs.replace(policy, open=frame[0], close=frame[1])
    if wish == "opened":
        return msgspec.structs.replace(policy, before=policy.open, opened=True)
    return policy


def _frame(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile) -> tuple[str, str] | None:
    """What a template writes around the thinking of an answer, where that is not the usual tags (channel headers)."""
    head = _asked(tokenizer, policy)
    for name in ("thinking", "reasoning_content", "reasoning"):
        whole = _answered(tokenizer, policy, **{name: _THOUGHT})
        if not whole.startswith(head) or _THOUGHT not in whole[len(head) :]:
            continue
        before, _, rest = whole[len(head) :].partition(_THOUGHT)
        between, found, _ = rest.partition(_ANSWER)
        if found and before.strip() and between.strip() and THINK not in before:
            return before, between
    return None


def _plainly(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile, wishes: Wishes) -> TemplateFile:
    """View plain: the prompt ends where the text of an answer begins, whatever the template writes in between."""
    tail = _tail(tokenizer, policy)
    if wishes.thinking == "opened":
        raise UsageError("thinking=opened is for answers that think", "train on --set view=think")
    if _opens(tail):
        if wishes.thinking == "written":
            raise UsageError(
                "the generation prompt opens a thinking part, which a plain answer has to close", "leave out thinking"
            )
        off = _with(policy, _OFF)
        if (
            "enable_thinking" not in wishes.args
            and END_THINK in _tail(tokenizer, off)
            and not _opens(_tail(tokenizer, off))
        ):
            return off
        gap = "" if tail.endswith("\n") else "\n"
        return msgspec.structs.replace(policy, before=f"{gap}{views.THINK_CLOSE}")
    if END_THINK in tail or wishes.thinking == "written":
        return policy
    if wishes.thinking == "closed":
        return msgspec.structs.replace(policy, before=f"{views.THINK_OPEN}{views.THINK_CLOSE}")
    added = _added(tokenizer, policy)
    if added is None or not added.strip():
        return policy
    if "enable_thinking" not in wishes.args:
        off = _with(policy, _OFF)
        if END_THINK in _tail(tokenizer, off) and _added(tokenizer, off) == "":
            return off
    return msgspec.structs.replace(policy, before=added)


def _added(tokenizer: PreTrainedTokenizerBase, policy: TemplateFile) -> str | None:
    """What the template writes between its generation prompt and the text of an answer; None where they do not follow."""
    head, whole = _asked(tokenizer, policy), _answered(tokenizer, policy)
    if not whole.startswith(head) or _ANSWER not in whole[len(head) :]:
        return None
    return whole[len(head) :].partition(_ANSWER)[0]


def _with(policy: TemplateFile, args: Mapping[str, Any]) -> TemplateFile:
    return msgspec.structs.replace(policy, args={**policy.args, **args})


# --- answers --------------------------------------------------------------------------------------------------------


def framed(rendered: Rendered, policy: TemplateFile) -> Rendered:
    """An answer of the think view between the policy's own tags, without the one that the prompt ends with."""
    if not rendered.text.startswith(views.THINK_OPEN) or (
        (policy.open, policy.close, policy.opened) == (PLAIN.open, PLAIN.close, False)
    ):
        return rendered
    first = _beginning(policy)
    end = rendered.text.rfind(views.THINK_CLOSE)
    text = rendered.text[len(views.THINK_OPEN) :] if end < 0 else ""
    if end >= 0:
        text = rendered.text[len(views.THINK_OPEN) : end] + policy.close + rendered.text[end + len(views.THINK_CLOSE) :]
    shift, later = len(first) - len(views.THINK_OPEN), len(policy.close) - len(views.THINK_CLOSE)

    def moved(span: Span) -> Span:
        by = shift + (later if 0 <= end < span.start else 0)
        return Span(span.role, span.node, span.start + by, span.end + by)

    return Rendered(first + text, tuple(map(moved, rendered.spans)))


def _beginning(policy: TemplateFile) -> str:
    """What an answer begins with before its thoughts."""
    if not policy.opened:
        return policy.open
    # The usual prompt ends with the tag and a line break; where there is none, the answer brings it.
    return "\n" if THINK in policy.open and not policy.open[-1:].isspace() else ""


def usual(text: str, policy: TemplateFile) -> str:
    """An answer as the views have it: the usual tags in place of the policy's, and the one that the prompt ended with."""
    if policy.opened:
        text = views.THINK_OPEN + text.lstrip("\n")
    elif policy.open != PLAIN.open and text.startswith(policy.open.rstrip()):
        text = views.THINK_OPEN + text[len(policy.open.rstrip()) :].lstrip("\n")
    return text if policy.close == PLAIN.close else text.replace(policy.close, views.THINK_CLOSE, 1)


def unusual(text: str, policy: TemplateFile) -> str:
    """The reverse of `usual`, for text that an answer is to begin or to go on with."""
    if text.startswith(views.THINK_OPEN):
        text = _beginning(policy) + text[len(views.THINK_OPEN) :]
    return text if policy.close == PLAIN.close else text.replace(views.THINK_CLOSE, policy.close, 1)


def exported(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """One chat template that does by itself what the tokenizer's policy does; None where there is no template.

    Raises JourneyError where the template does not let itself be written so, which is tried on a question.
    """
    own, text = of(tokenizer), tokenizer.chat_template
    if not text or own == PLAIN:
        return text or None
    given = (
        f"{{%- if {n} is not defined %}}{{%- set {n} = {_literal(v)} %}}{{%- endif %}}" for n, v in own.args.items()
    )
    ending = f"{{% if add_generation_prompt %}}{{{{ {_literal(own.before)} }}}}{{% endif %}}" if own.before else ""
    text = "".join(given) + text.removesuffix("\n") + ending
    text = text if own.date is None else dated(text, own.date)
    before, wanted = tokenizer.chat_template, _asked(tokenizer, own) + own.before
    try:
        tokenizer.chat_template = text
        same = _asked(tokenizer, PLAIN) == wanted and not tells_the_time(tokenizer)
    finally:
        tokenizer.chat_template = before
    if not same:
        raise JourneyError(
            "the chat template cannot be written so that it does by itself what it was told to\n"
            "  train with a template of one's own that needs no arguments: --template FILE"
        )
    return text


def for_a_folder(tokenizer: PreTrainedTokenizerBase, own: TemplateFile | None) -> PreTrainedTokenizerBase:
    """A tokenizer as a model that was trained by this policy keeps it: its chat template does by itself what the policy does.

    Where the template does not let itself be written so, the base's own stays, and that is said.
    """
    if own is None or own == PLAIN:
        return tokenizer
    attach(tokenizer, own)
    try:
        tokenizer.chat_template = exported(tokenizer)
    except JourneyError as error:
        console.note(f"the model's folder keeps the base's chat template: {str(error).splitlines()[0]}")
    return tokenizer


def _literal(value: Any) -> str:
    """A value as Jinja writes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)


def sentences(policy: TemplateFile) -> list[str]:
    """What a policy does, in words."""
    said = []
    if policy.text is not None:
        said.append("the chat template is one that was given, not the base's own")
    if policy.args:
        said.append("the chat template is given " + ", ".join(f"{k}={v!r}" for k, v in sorted(policy.args.items())))
    if policy.date is not None:
        said.append(f"the chat template writes the date: it is {policy.date} in every prompt")
    if policy.opened:
        said.append(f"prompts end with {policy.open.strip()}, and answers begin after it")
    elif policy.open != PLAIN.open:
        said.append(f"the thinking part stands between {policy.open!r} and {policy.close!r}")
    if policy.before and not policy.opened:
        said.append(f"prompts end with {policy.before!r}, which the chat template leaves to the answer")
    if policy.separator != PLAIN.separator:
        said.append(f"question and answer are parted by {policy.separator!r}")
    return said
