"""Rewards of samples for best-of-reward: by a sequence classifier, or by a served model that says yes or no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from journey import console
from journey.errors import UsageError
from journey.evaluate.planning.plan import EvaluationSetup
from journey.evaluate.planning.sample_sets import all_benchmarks, sampled_runs
from journey.formats.files import read_lines
from journey.models import load, template
from journey.models.endpoints import Endpoint, ask_groups, reference
from journey.sampling.shards import samples_folder
from journey.schema import Question, Reward, Sample
from journey.servers.use import ServerUse
from journey.store import Folder

QUERY = "Problem:\n{question}\n\nProposed solution:\n{answer}\n\nIs the final answer of this solution correct? Answer yes or no."
_BATCH = 16  # answers that a classifier reads at once


def reward_all(folder: Folder, prepared: EvaluationSetup) -> None:
    """The reward of every sample that best-of-reward chooses from: rewards/RUN/BENCHMARK/NNNNN.jsonl."""
    plan = prepared.plan
    if plan.reward is None or "best-of-reward" not in plan.strategies:
        return
    wanted: dict[str, tuple[Path, dict[str, Question]]] = {}
    for info in all_benchmarks(plan):
        questions = {question.id: question for question in prepared.questions[info.name]}
        for run in sampled_runs(plan):
            for path in folder.shards(samples_folder(run.run, info.name, "samples")):
                wanted[f"rewards/{run.run}/{info.name}/{path.stem}"] = (path, questions)
    missing = [str(key) for key in folder.missing(wanted)]
    if not missing:
        return
    model = RewardModel(plan.reward, prepared.servers)
    sampled = {key: list(read_lines(wanted[key][0], Sample)) for key in missing}
    asked = [[(wanted[key][1][s.question], s.text) for s in sampled[key]] for key in missing]
    with console.progress("rewards", len(wanted), len(wanted) - len(missing)) as ticker:
        for index, values in model.rate_groups(asked):
            key, samples = missing[index], sampled[missing[index]]
            records = [Reward(s.question, s.run, s.index, round(v, 6)) for s, v in zip(samples, values, strict=True)]
            folder.write_shard(key, {f"{key}.jsonl": records}, {"samples": len(records)})
            ticker.advance()


class RewardModel:
    """A sequence classifier (one output, or the last of several), or a server's probability of yes."""

    def __init__(self, name: str, use: ServerUse | None = None) -> None:
        server = reference(name)
        self.endpoint = None if server is None else Endpoint(server, use=use)
        if server is None:
            self.model, self.tokenizer = load.load_classifier(load.find(name))
            self.template = template.undated(self.tokenizer)

    def rate_groups(self, groups: Sequence[Sequence[tuple[Question, str]]]) -> Iterator[tuple[int, list[float]]]:
        """The index of every group, with one number for each (question, answer); higher is better.

        Requests to a server are under way for all groups together. Raises UsageError where the model gives NaN.
        """
        if self.endpoint is None:
            yield from ((index, self._rate(answers)) for index, answers in enumerate(groups))
            return
        yield from ask_groups(self._says_yes, groups, self.endpoint.at_once)

    def _says_yes(self, answer: tuple[Question, str]) -> float:
        assert self.endpoint is not None
        return self.endpoint.says_yes(QUERY.format(question=answer[0].problem.question, answer=answer[1]))

    def _rate(self, answers: Sequence[tuple[Question, str]]) -> list[float]:
        parts = [answers[start : start + _BATCH] for start in range(0, len(answers), _BATCH)]
        return [value for part in parts for value in self._classify(part)]

    def _classify(self, answers: Sequence[tuple[Question, str]]) -> list[float]:
        import torch

        ids = [self._ids(question, text) for question, text in answers]
        pad, longest = self.tokenizer.pad_token_id or 0, max(map(len, ids))
        rows = torch.tensor([one + [pad] * (longest - len(one)) for one in ids])
        mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids])
        with torch.inference_mode():
            logits = self.model(input_ids=rows.to(self.model.device), attention_mask=mask.to(self.model.device)).logits
        if logits.isnan().any():
            raise UsageError("the reward model's outputs are not numbers")
        if logits.shape[-1] > 1:
            logits = torch.log_softmax(logits.float(), -1)
        return [float(value) for value in logits.float()[:, -1]]

    def _ids(self, question: Question, text: str) -> list[int]:
        return template.answered_ids(self.tokenizer, question.problem, text, self.template)
