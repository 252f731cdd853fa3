"""What is asked beside the arms' samples: a larger model, rewards of samples, and the same questions in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from journey import console
from journey.answers.grading import grade
from journey.errors import UsageError
from journey.evaluate.planning.plan import STACKED, Prepared
from journey.evaluate.planning.runs import by_base
from journey.evaluate.sampling.serving import BASE_NAME, check_parity, check_served, serve_line
from journey.evaluate.sampling.work import Shard, all_benchmarks, base_of, cut, place, sampled, write
from journey.evaluate.statistics.verdict import LARGER
from journey.formats.files import read_lines
from journey.formats.plan import RunInfo
from journey.formats.scores import Agreement, AgreementFile
from journey.models import load, template
from journey.models.endpoints import AT_ONCE, Endpoint, EndpointRef, Reply, reference
from journey.sampling import workers
from journey.sampling.requests import Asked, Text
from journey.sampling.workers import Done, Piece
from journey.schema import Question, Reward, Sample
from journey.store import Folder

FLIPS = 16  # problems answered again one at a time, where precision is low
JUDGE = "Problem:\n{question}\n\nProposed solution:\n{answer}\n\nIs the final answer of this solution correct? Answer yes or no."


def sample_larger(folder: Folder, prepared: Prepared, count: int | None) -> None:
    """One greedy answer of the larger model to every test problem."""
    larger = prepared.larger
    if larger is None:
        return
    work = list(_larger_shards(prepared))
    missing = {str(key) for key in folder.missing(key for shard in work for key in shard.keys.values())}
    left = {shard.piece.key: shard for shard in work if missing & set(shard.keys.values())}
    with console.progress(f"answers of {larger.info.model}", len(work), len(work) - len(left)) as ticker:
        for done in _larger_answers(prepared, list(left.values()), count):
            write(folder, left[done.key], done, missing)
            ticker.advance(1, done.key.partition("/")[0])


def larger_keys(prepared: Prepared) -> list[str]:
    """The shards of the larger model's answers."""
    return [] if prepared.larger is None else [k for shard in _larger_shards(prepared) for k in shard.keys.values()]


def _larger_shards(prepared: Prepared) -> Iterator[Shard]:
    larger, plan = prepared.larger, prepared.plan
    assert larger is not None
    for info in plan.benchmarks:
        questions = prepared.questions[info.name]
        prompts = larger.prompts.get(info.name, {})
        asked = [Asked(q.id, q.problem, prompts.get(q.id, ())) for q in questions]
        lengths = [len(one.prompt) or len(one.problem.question) for one in asked]
        for number, places in enumerate(cut(lengths, plan.batch)):
            key = f"{place(LARGER, info.name, 'greedy')}/{number:05d}"
            part = tuple(asked[at] for at in places)
            piece = Piece(f"{info.name}/larger/{number:05d}", ((LARGER, None),), ("greedy",), part, plan.batch)
            yield Shard(piece, [questions[at] for at in places], {(LARGER, "greedy"): key}, {key: ""})


def _larger_answers(prepared: Prepared, work: Sequence[Shard], count: int | None) -> Iterator[Done]:
    larger = prepared.larger
    assert larger is not None
    if larger.ref is not None:
        base = replace(
            base_of(prepared),
            ref=larger.ref,
            view=larger.view,
            positions=None,
            one_by_one=False,
            server=None,
        )
        pieces = [shard.piece for shard in work]
        yield from workers.do_all(base, pieces, count or workers.default_workers(prepared.device))
        return
    assert larger.server is not None
    endpoint, cap = Endpoint(larger.server), prepared.plan.max_new_tokens

    def text(reply: Reply) -> Text:
        flops = None if larger.cost is None else larger.cost.flops(reply.prompt_tokens, reply.tokens)
        return Text(reply.text, (), reply.finish, reply.tokens, reply.prompt_tokens, flops, reply.seconds)

    for shard in work:
        name = shard.questions[0].benchmark
        asked = [larger.texts[name][question.id] for question in shard.questions]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            replies = list(pool.map(lambda said: endpoint.chat(said, cap=cap), asked))
        yield Done(shard.piece.key, {"greedy": [[[text(reply)] for reply in replies]]})


# --- the same questions in another way ------------------------------------------------------------------------------


def check_endpoint(folder: Folder, finetuned: Path, prepared: Prepared, problems: int, least: float) -> list[Agreement]:
    """Before an endpoint is used: does it know every run, and answer as the built-in sampler does?

    Raises UsageError or JourneyError where it does not.
    """
    plan = prepared.plan
    line = serve_line(finetuned, prepared.ref, plan.runs, prepared.positions, plan.dtype)
    console.note(f"served by: {line}")
    if folder.has(AgreementFile.PARITY):
        return list(AgreementFile.read(folder.work, AgreementFile.PARITY).agreement)
    known = Endpoint(EndpointRef(BASE_NAME, plan.backend)).models()
    check_served(plan, known, [run.run for run in sampled(plan)], line)
    found = _compare_all(finetuned, prepared, [plan.primary], problems, "built-in")
    check_parity(found, least)
    AgreementFile(tuple(found)).write(folder, AgreementFile.PARITY)
    return found


def flips(folder: Folder, finetuned: Path, prepared: Prepared, problems: int | None) -> list[Agreement]:
    """Greedy answers again, one prompt and one run at a time; in bfloat16 unless a number of problems is given."""
    plan = prepared.plan
    wanted = (FLIPS if plan.dtype == "bfloat16" else 0) if problems is None else problems
    if not wanted or plan.backend != STACKED:
        return []
    if folder.has(AgreementFile.FILE):
        return list(AgreementFile.read(folder.work).agreement)
    found = _compare_all(finetuned, prepared, [b.name for b in plan.benchmarks], wanted, "batch 1", folder)
    AgreementFile(tuple(found)).write(folder)
    return found


def _compare_all(
    finetuned: Path, prepared: Prepared, names: Sequence[str], problems: int, against: Any, stored: Folder | None = None
) -> list[Agreement]:
    """Greedy answers of every run to the first problems: built in and one at a time, against those stored or served."""
    plan = prepared.plan
    found: list[Agreement] = []
    questions = {name: prepared.questions[name][:problems] for name in names}
    with console.progress(f"runs answering again ({against})", len(questions) * len(sampled(plan))) as ticker:
        for name, asked in questions.items():
            batch = tuple(Asked(q.id, q.problem, tuple(prepared.prompts[name][q.id])) for q in asked)
            for runs in by_base(finetuned, sampled(plan)):
                for one in _compare_group(finetuned, prepared, against, runs, asked, batch, stored):
                    found.append(one)
                    ticker.advance(1, one.run)
    return found


def _compare_group(
    finetuned: Path,
    prepared: Prepared,
    against: Any,
    infos: Sequence[RunInfo],
    asked: Sequence[Question],
    batch: tuple[Asked, ...],
    stored: Folder | None,
) -> Iterator[Agreement]:
    """Runs of one base on one benchmark."""
    name = asked[0].benchmark
    runs = tuple((r.run, None if r.adapter is None else (finetuned / r.adapter).parent) for r in infos)
    served = base_of(prepared)
    built_in = replace(served, server=None)
    if stored is None:  # both ways, all runs together
        piece = Piece(f"{name}/parity", runs, ("greedy",), batch, len(batch))
        ours, theirs = (next(workers.do_all(base, [piece], 1)).written["greedy"] for base in (built_in, served))
        for (run, _), left, right in zip(runs, ours, theirs, strict=True):
            yield _agreement(against, run, asked, [texts[0] for texts in left], [texts[0] for texts in right])
        return
    alone = [Piece(f"{name}/{run[0]}", (run,), ("greedy",), batch, 1) for run in runs]
    for done, (run, _) in zip(workers.do_all(built_in, alone, 1), runs, strict=True):
        there = {s.question: s for p in stored.shards(place(run, name, "greedy")) for s in read_lines(p, Sample)}
        again = [texts[0] for texts in done.written["greedy"][0]]
        yield _agreement(against, run, asked, [there[q.id] for q in asked], again)


def _agreement(
    against: Any, run: str, asked: Sequence[Question], ours: Sequence[Text | Sample], theirs: Sequence[Text | Sample]
) -> Agreement:
    texts = answers = outcomes = 0
    for question, left, right in zip(asked, ours, theirs, strict=True):
        one, two = (grade(question.problem, text.text, text.finish) for text in (left, right))
        texts += left.text != right.text
        answers += one.answer != two.answer
        outcomes += one.outcome != two.outcome
    return Agreement(against, run, asked[0].benchmark, len(asked), texts, answers, outcomes)


# --- rewards ---------------------------------------------------------------------------------------------------------


def reward_all(folder: Folder, prepared: Prepared) -> None:
    """The reward of every sample that best-of-reward chooses from: rewards/RUN/BENCHMARK/NNNNN.jsonl."""
    plan = prepared.plan
    if plan.reward is None or "best-of-reward" not in plan.strategies:
        return
    todo: dict[str, tuple[Path, dict[str, Question]]] = {}
    for info in all_benchmarks(plan):
        questions = {question.id: question for question in prepared.questions[info.name]}
        for run in sampled(plan):
            for path in folder.shards(place(run.run, info.name, "samples")):
                todo[f"rewards/{run.run}/{info.name}/{path.stem}"] = (path, questions)
    missing = [str(key) for key in folder.missing(todo)]
    if not missing:
        return
    judge = _Judge(plan.reward)
    with console.progress("rewards", len(todo), len(todo) - len(missing)) as ticker:
        for key in missing:
            path, questions = todo[key]
            samples = list(read_lines(path, Sample))
            values = judge.rate([(questions[s.question], s.text) for s in samples])
            records = [Reward(s.question, s.run, s.index, round(v, 6)) for s, v in zip(samples, values, strict=True)]
            folder.write_shard(key, {f"{key}.jsonl": records}, {"samples": len(records)})
            ticker.advance()


class _Judge:
    """A reward model: a sequence classifier (one output, or the last of several), or a server that says yes or no."""

    def __init__(self, name: str) -> None:
        server = reference(name)
        self.endpoint = None if server is None else Endpoint(server)
        if server is None:
            self.model, self.tokenizer = load.load_classifier(load.find(name))

    def rate(self, asked: Sequence[tuple[Question, str]]) -> list[float]:
        """One number for each (question, answer); higher is better."""
        if self.endpoint is not None:
            said = [JUDGE.format(question=question.problem.question, answer=text) for question, text in asked]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return list(pool.map(self.endpoint.says_yes, said))
        return [value for at in range(0, len(asked), 16) for value in self._classify(asked[at : at + 16])]

    def _classify(self, asked: Sequence[tuple[Question, str]]) -> list[float]:
        import torch

        ids = [self._ids(question, text) for question, text in asked]
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
        messages = [{"role": "user", "content": question.problem.question}, {"role": "assistant", "content": text}]
        if self.tokenizer.chat_template:
            said = self.tokenizer.apply_chat_template(messages, tokenize=False)
            return list(self.tokenizer(said, add_special_tokens=False)["input_ids"])
        brief = question.problem.brief or question.problem.question
        asked = question.problem.question if template.covers(self.tokenizer, question.problem.question) else brief
        return list(self.tokenizer(f"{asked} {text}")["input_ids"])
