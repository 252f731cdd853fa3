"""An LLM judge: the habits counted by a model on a sample of the answers, and how far it agrees with the rules.

    journey report data/runs/demo --judge qwen@http://localhost:8000/v1 --judge-answers 200

The four questions follow the cognitive behaviours of Gandhi et al. 2025 (arXiv 2503.01307, section 3). A reply without all four
counts is unparsable: it is counted apart and leaves the agreement, where it would read as a zero. Agreement is Cohen's
kappa on "does this answer do it at least once". The answers asked about are drawn across runs and benchmarks by a stream of
their own; replies are kept in `judge.jsonl` by prompt, so that none is asked for twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from journey import console
from journey.errors import RemoteError, UsageError
from journey.evaluate.behaviour.measure import Answer, stored
from journey.evaluate.behaviour.reading import read
from journey.formats.behaviour import HABITS, Habit, JudgeAgreement, Judged
from journey.formats.files import write_atomic
from journey.formats.folders import EvaluatedFolder
from journey.models import load, policy, template
from journey.models.endpoints import Endpoint, NotServed, reference
from journey.processes import map_in_threads
from journey.rng import digest, seed_for
from journey.servers.kept import KeptAnswers
from journey.servers.use import ServerLimits, ServerUse

REPLIES = "judge.jsonl"
CAP = 512  # new tokens of a reply
ANSWERS = 200
LONGEST = 24_000  # characters of an answer that are shown; of a longer one the middle is left out
TAGS: dict[Habit, str] = {
    "backtracks": "backtracking",
    "verifies": "verification",
    "subgoals": "subgoals",
    "works_backward": "backward",
}
PROMPT = """\
Below is a problem and one solution to it. Count how often the solution does each of these four things.

- backtracking: it gives up what it has just written, or a line of attack, and goes back or starts over.
- verification: it checks a result or a step that it has already reached, or doubts one.
- subgoals: it names an intermediate goal before working on it ("first, find ...").
- backward: it reasons from the wanted result back towards what is given.

Count distinct instances; ordinary calculation is none of them. Reply with these four lines and nothing else:
<backtracking>N</backtracking>
<verification>N</verification>
<subgoals>N</subgoals>
<backward>N</backward>

Problem:
{question}

Solution:
{answer}
"""
PROMPT_SHA256 = hashlib.sha256(PROMPT.encode()).hexdigest()
_COUNT = {habit: re.compile(rf"<{tag}>\s*(\d{{1,4}})\s*</{tag}>", re.IGNORECASE) for habit, tag in TAGS.items()}

Ask = Callable[[Sequence[str]], Iterator[tuple[int, str | None]]]  # prompts -> (place, reply; None where none came)


def judge(
    evaluated: EvaluatedFolder,
    model: str,
    count: int = ANSWERS,
    *,
    seed: int = 0,
    ask: Ask | None = None,
    limits: ServerLimits | None = None,
) -> Judged:
    """Ask a model about `count` answers of an evaluation folder, and compare with the rules.

    `model` is a catalog name, a folder, a Hub id or NAME@http://HOST/v1. Raises UsageError for a model that is not there;
    a request that fails is counted and asked again next time. Raises CostReached at the `limits` of a server, replies kept.
    """
    answers = chosen(evaluated, count, seed)
    prompts = [prompt(answer, evaluated.plan.view == "compact") for answer in answers]
    keys = [digest("judge", model, text).hex() for text in prompts]
    known = _known(evaluated.path / REPLIES)
    missing = [index for index, key in enumerate(keys) if key not in known]
    if missing:
        kept = KeptAnswers.beside(evaluated.path, "judge")
        with ServerUse(limits, kept) as use:
            ask = ask or asker(model, use)
            with console.progress(f"answers judged by {model}", len(prompts), len(prompts) - len(missing)) as ticker:
                for index, reply in ask([prompts[index] for index in missing]):
                    if reply is not None:
                        known[keys[missing[index]]] = {"model": model, "reply": reply}
                    ticker.advance(1)
            rows = (orjson.dumps({"key": key, **known[key]}) + b"\n" for key in sorted(known))
            write_atomic(evaluated.path / REPLIES, b"".join(rows))
            if (used := use.record()) is not None:
                console.note(used.in_words())
        kept.remove()
    return agreement(model, answers, [known.get(key, {}).get("reply") for key in keys])


def chosen(evaluated: EvaluatedFolder, count: int, seed: int) -> list[Answer]:
    """Answers drawn from all runs and benchmarks, without replacement, in the order drawn."""
    everything = [answer for _, _, _, answers in stored(evaluated) for answer in answers]
    order = np.random.default_rng(seed_for("judged answers", seed)).permutation(len(everything))
    return [everything[index] for index in order[:count]]


def prompt(answer: Answer, compact: bool = False) -> str:
    """What the judge is asked about one answer; the middle of a very long one is left out."""
    text, problem = answer.sample.text, answer.problem
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n[...]\n{text[-LONGEST // 2 :]}"
    question = (problem.brief if compact else "") or problem.question
    return PROMPT.replace("{question}", question, 1).replace("{answer}", text, 1)


def parse(reply: str) -> dict[Habit, int] | None:
    """The four counts of a reply, the last of each; None where one is missing."""
    answer = reply.rpartition("</think>")[2]
    counts_of = {habit: pattern.findall(answer) for habit, pattern in _COUNT.items()}
    return {habit: int(counts[-1]) for habit, counts in counts_of.items()} if all(counts_of.values()) else None


def agreement(model: str, answers: Sequence[Answer], replies: Sequence[str | None]) -> Judged:
    """Rules and judge on the answers whose reply can be read."""
    pairs: list[tuple[dict[Habit, int], dict[Habit, int]]] = []
    unparsable = failed = 0
    for answer, reply in zip(answers, replies, strict=True):
        counts = None if reply is None else parse(reply)
        if reply is None:
            failed += 1
        elif counts is None:
            unparsable += 1
        else:
            pairs.append((read(answer.sample.text, answer.problem).habits, counts))
    means = [
        {habit: sum(pair[side][habit] for pair in pairs) / len(pairs) for habit in HABITS} if pairs else {}
        for side in (0, 1)
    ]
    return Judged(
        model=model,
        prompt_sha256=PROMPT_SHA256,
        asked=len(answers),
        unparsable=unparsable,
        failed=failed,
        agreement={habit: cell([(r[habit] > 0, j[habit] > 0) for r, j in pairs]) for habit in HABITS},
        counts_rules=means[0],
        counts_judge=means[1],
    )


def cell(pairs: Sequence[tuple[bool, bool]]) -> JudgeAgreement:
    """The four counts of two yes-or-no readers, and Cohen's kappa (Cohen 1960): agreement beyond chance."""
    both = sum(a and b for a, b in pairs)
    first = sum(a and not b for a, b in pairs)
    second = sum(b and not a for a, b in pairs)
    n, neither = len(pairs), sum(not a and not b for a, b in pairs)
    if not n:
        return JudgeAgreement(0, 0, 0, 0, None)
    observed = (both + neither) / n
    yes_a, yes_b = (both + first) / n, (both + second) / n
    expected = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    return JudgeAgreement(
        both, first, second, neither, None if expected == 1 else (observed - expected) / (1 - expected)
    )


def asker(model: str, use: ServerUse | None = None) -> Ask:
    """What asks a model. Raises UsageError where there is none of that name."""
    ref = reference(model)
    if ref is None:
        return _local(model)
    endpoint = Endpoint(ref, use=use)
    endpoint.models()  # a wrong address or key ends here, in one clear error

    def ask(prompts: Sequence[str]) -> Iterator[tuple[int, str | None]]:
        def one(text: str) -> str | None:
            try:
                return endpoint.chat(text, cap=CAP).text
            except NotServed:
                raise
            except (RemoteError, UsageError) as error:  # e.g. an answer too long for the judge's context
                console.note(f"a reply is missing: {error}")
                return None

        yield from enumerate(map_in_threads(one, prompts, endpoint.at_once))

    return ask


def _local(model: str) -> Ask:
    """A model in memory, greedily, one prompt after the other in small batches."""
    from journey.models.decode import Decoder
    from journey.models.probe import check_sampler

    ref = load.find(model)
    tokenizer = load.load_tokenizer(ref)
    policy.attach(tokenizer, policy.find(tokenizer, "plain", policy.Wishes()))
    check_sampler(ref, tokenizer, load.best_device(), option="--judge")
    loaded: Any = load.load_model(ref)

    def ask(prompts: Sequence[str]) -> Iterator[tuple[int, str | None]]:
        decoder = Decoder.of(loaded, tokenizer, CAP)
        for index, text in enumerate(prompts):
            (done,) = decoder.greedy([template.text_ids(tokenizer, text, "plain")])
            yield index, str(tokenizer.decode(list(done.ids), skip_special_tokens=True))

    return ask


def _known(path: Path) -> dict[str, dict[str, str]]:
    """Stored replies by key; a broken line is asked for again."""
    replies: dict[str, dict[str, str]] = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            row = orjson.loads(line)
            replies[row["key"]] = {"model": row["model"], "reply": row["reply"]}
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
    return replies
