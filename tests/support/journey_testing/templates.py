"""Chat templates written for this project, with the structure of those that bases are published with."""

from __future__ import annotations

_ASK = "{% if add_generation_prompt %}"

CHATML = (
    "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    f"{_ASK}<|turn|>assistant\n{{% endif %}}"
)
# The prompt opens the thinking part; the thinking of earlier turns is dropped.
DISTILLED = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% else %}<|reply|>{{ m.content.split('</think>')[-1] }}<|end|>{% endif %}{% endfor %}"
    f"{_ASK}<|reply|><think>\n{{% endif %}}"
)
DISTILLED_TIGHT = DISTILLED.replace("<think>\n", "<think>")
_TAKEN_APART = (
    "{% set c = m.content %}{% set r = m.reasoning_content if m.reasoning_content is string else '' %}"
    "{% if '</think>' in c %}{% set r = c.split('</think>')[0].split('<think>')[-1].strip('\\n') %}"
    "{% set c = c.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
)
_HYBRID = (
    "{% for m in messages %}{% if m.role == 'user' %}<|turn|>user\n{{ m.content }}<|end|>\n{% else %}"
    + _TAKEN_APART
    + "<|turn|>assistant\n<think>\n{{ r.strip('\\n') }}\n</think>\n\n{{ c }}<|end|>\n{% endif %}{% endfor %}"
)
# The answer opens it, unless the argument says that there is to be none.
HYBRID = (
    _HYBRID + f"{_ASK}<|turn|>assistant\n{{% if enable_thinking is defined and enable_thinking is false %}}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
ALWAYS_THINKING = _HYBRID + f"{_ASK}<|turn|>assistant\n<think>\n{{% endif %}}"
# An empty part before every answer without thoughts, and no argument to say so.
EMPTY_PART = _HYBRID + f"{_ASK}<|turn|>assistant\n{{% endif %}}"
CHANNELS = (
    "{% for m in messages %}{% if m.role == 'user' %}<|turn|>user<|body|>{{ m.content }}<|end|>{% else %}"
    "{% if m.thinking %}<|turn|>assistant<|channel|>analysis<|body|>{{ m.thinking }}<|end|>{% endif %}"
    "<|turn|>assistant<|channel|>final<|body|>{{ m.content }}<|return|>{% endif %}{% endfor %}"
    f"{_ASK}<|turn|>assistant{{% endif %}}"
)
DATED = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "<|turn|>system\nToday is {{ date_string }}.<|end|>\n" + CHATML
)
DATED_HYBRID = "<|turn|>system\nToday: {{ strftime_now('%d %B %Y') }}<|end|>\n" + HYBRID
ALL = {
    "chatml": CHATML,
    "distilled": DISTILLED,
    "distilled tight": DISTILLED_TIGHT,
    "hybrid": HYBRID,
    "always thinking": ALWAYS_THINKING,
    "empty part": EMPTY_PART,
    "channels": CHANNELS,
    "dated": DATED,
    "dated hybrid": DATED_HYBRID,
}
SPECIAL = ("<pad>", "<bos>", "<|end|>", "<|turn|>", "<|user|>", "<|reply|>", "<|channel|>", "<|body|>", "<|return|>")
