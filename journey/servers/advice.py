"""Which sampler answers, and whether vLLM would be faster, in words for people.

What answers is what the setting says, at every size. vLLM writes other texts than the built-in sampler, so were it taken for
being there, the same command would give other bytes on another machine, or on this one from the day on which it is installed.
Where it was measured to be faster that is said, with the flag to type.
"""

from __future__ import annotations

from dataclasses import dataclass

from journey.errors import UsageError
from journey.numbers import plural
from journey.servers.vllm import VllmInstall, find_vllm


@dataclass(frozen=True)
class SamplingWork:
    """What models on one base are asked: answers in all, tokens of each at most, parameters of the base; on "cpu" or "cuda"."""

    device: str
    answers: int
    cap: int
    parameters: int


@dataclass(frozen=True)
class MeasuredWork(SamplingWork):
    """The least work in which vLLM was the faster one, with the base and the seconds of both, vLLM's start among them."""

    base: str
    built_in_seconds: int
    vllm_seconds: int

    def reached_by(self, work: SamplingWork) -> bool:
        """Whether there is no less to do, in any respect."""
        least, most = (self.answers, self.cap, self.parameters), (work.answers, work.cap, work.parameters)
        return all(enough <= have for enough, have in zip(least, most, strict=True))

    def in_words(self) -> str:
        """`72 attempts of at most 64 tokens by smollm2-135m took 96 s with it, 108 s without, on a CPU`."""
        return (
            f"{self.answers} attempts of at most {self.cap} tokens by {self.base} took {self.vllm_seconds} s with it, "
            f"{self.built_in_seconds} s without, on a {NAMES[self.device]}"
        )


NAMES = {"cpu": "CPU", "cuda": "GPU"}
# By device (docs/results/vllm.md); a device that is not here has not been measured, and gets no advice.
MEASURED = {"cpu": MeasuredWork("cpu", 72, 64, 134_515_008, "smollm2-135m", 108, 96)}
OF_AN_EVALUATION = (
    "built-in, as at every size unless --sampler says otherwise; from which size vLLM, whose first answers are compared with "
    "the built-in sampler's, makes an evaluation faster is not measured"
)


def hint(work: SamplingWork | None) -> str | None:
    """What is worth saying before the built-in sampler begins: that a vLLM which is here is probably faster; else None."""
    if work is None or not _is_measured(work):
        return None
    try:
        install = find_vllm()
    except UsageError:
        return None
    return _faster(work, install) if install.device == work.device else None


def why_built_in(work: SamplingWork | None) -> str:
    """The same for a plan, with what stands against vLLM where nothing speaks for it. `work` is None where vLLM cannot serve it."""
    begins = "built-in, as at every size unless --sampler says otherwise"
    if work is None:
        return begins
    if work.device not in MEASURED:
        return f"{begins}; from which size vLLM is faster on a {NAMES.get(work.device, work.device)} is not measured"
    if not _is_measured(work):
        return f"{begins}; vLLM was not measured to be faster with less than this: {MEASURED[work.device].in_words()}"
    try:
        install = find_vllm()
    except UsageError as error:
        missing = str(error).splitlines()[0]
        return f"{begins}; vLLM is probably faster ({MEASURED[work.device].in_words()}), but: {missing}"
    if install.device != work.device:
        return f"{begins}; a vLLM made for a {NAMES[install.device]} was not measured on a {NAMES[work.device]}"
    return f"{begins}; {_faster(work, install)}"


def _is_measured(work: SamplingWork) -> bool:
    return work.device in MEASURED and MEASURED[work.device].reached_by(work)


def _faster(work: SamplingWork, install: VllmInstall) -> str:
    return (
        f"{plural(work.answers, 'attempt')}: --sampler vllm ({install.version}) is probably faster; its texts are others, so it "
        f"is never chosen unasked ({MEASURED[work.device].in_words()})"
    )
