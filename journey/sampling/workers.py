"""Workers that answer questions: they split the problems, never the runs, since each unit of work holds every run.

What a unit contains is fixed beforehand, so the samples are the same for any number of workers. On a CPU every worker has
one thread: two threads in one process are slower than one on a small model.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from journey import console
from journey.catalog import STRATEGIES
from journey.errors import JourneyError, ResourceError
from journey.formats.finetune import TemplateFile
from journey.models.load import ModelRef
from journey.models.threads import one_thread_on, use_one_thread
from journey.processes import WorkerPool, cores, map_in_threads
from journey.sampling.requests import DrawWriter, PromptedQuestion, Request, Sampler, StrategySettings, Text
from journey.servers.use import ServerUse
from journey.views import View

if TYPE_CHECKING:
    from journey.models.endpoints import RunServer
    from journey.sampling.requests import Written

_MOST_UNITS = 64  # under way with a server
_LESS = "use fewer --workers or a smaller --batch"


@dataclass(frozen=True)
class WorkerModel:
    """What every worker loads: the base on a device, how it is prompted, and the cap of new tokens.

    With `one_by_one` adapters that cannot be stacked take turns. `server` answers instead of the base, which then gives
    its tokenizer only; `use` is what its requests share, and with `cached=False` none is answered from those kept.
    """

    ref: ModelRef
    device: str
    cap: int
    view: View
    seed: int
    settings: StrategySettings
    positions: int | None = None
    dtype: str | None = None
    one_by_one: bool = False
    server: RunServer | None = None
    template: TemplateFile | None = None
    use: ServerUse | None = None
    cached: bool = True


@dataclass(frozen=True)
class WorkUnit:
    """What one worker does at a time: questions for some runs (name, folder of the adapter or None), with some draws.

    `batch` is how many answers of each run are written together.
    """

    key: str
    runs: tuple[tuple[str, Path | None], ...]
    draws: tuple[str, ...]
    questions: tuple[PromptedQuestion, ...]
    batch: int


@dataclass(frozen=True)
class RequestUnit:
    """Texts that one worker writes for some runs (name, folder of the adapter or None), each request naming its run."""

    key: str
    runs: tuple[tuple[str, Path | None], ...]
    requests: tuple[Request, ...]
    batch: int
    temperature: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True)
class RequestUnitResult:
    """The texts of a `RequestUnit`, in the order of its requests."""

    key: str
    texts: list[Text]


@dataclass(frozen=True)
class WorkUnitResult:
    """What was written for a unit of work: draw -> texts by run, question and number.

    `smaller` is the batch in which it was written, where memory did not allow for the one that was asked for.
    """

    key: str
    written: dict[str, Written]
    smaller: int | None = None


class Worker:
    """A loaded base that keeps the adapters of the last unit on it."""

    def __init__(self, model: WorkerModel) -> None:
        import torch
        from transformers.utils import logging

        from journey.models import flops, load, policy

        logging.disable_progress_bar()  # a bar for each load of the weights would break into ours
        self.settings = model
        self.tokenizer = policy.attach(load.load_tokenizer(model.ref), model.template)
        dtype = None if model.dtype is None else getattr(torch, model.dtype)
        self.model: Any = None if model.server else load.load_model(model.ref, device=model.device, dtype=dtype)
        self.cost = flops.cost_of(model.ref)
        self.adapters: tuple[Path | None, ...] | None = None
        self.writer: Any = None
        self.stack = ExitStack()
        self.other: tuple[Path, Any] | None = None

    @overload
    def answer(self, unit: WorkUnit) -> WorkUnitResult: ...
    @overload
    def answer(self, unit: RequestUnit) -> RequestUnitResult: ...
    def answer(self, unit: WorkUnit | RequestUnit) -> WorkUnitResult | RequestUnitResult:
        """Write what a unit asks for, in smaller batches where memory runs out.

        Raises ResourceError where it does even so, JourneyError on NaN.
        """
        import torch

        from journey.models.batch import NotNumbers
        from journey.models.compute.precision import ran_out

        try:
            if isinstance(unit, RequestUnit):
                return RequestUnitResult(unit.key, self._texts(unit))
            return WorkUnitResult(unit.key, self._draw(unit))
        except NotNumbers as error:
            name = unit.runs[error.run if len(unit.runs) > 1 else 0][0]
            raise JourneyError(f"{name}: {error}; did the training diverge?") from None
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            # outside, where nothing holds the tensors of the attempt any more
        asked = len(unit.requests if isinstance(unit, RequestUnit) else unit.questions)
        smaller = min(unit.batch, asked) // 2
        if not smaller:
            raise ResourceError(f"memory ran out while sampling {unit.key}\n  {_LESS}")
        self.close()
        if self.settings.device != "cpu":
            torch.cuda.empty_cache()
        console.note(
            f"memory ran out: {unit.key} is sampled {smaller} answers of each run at a time; its last bits may differ from "
            f"those of batches of {unit.batch}, and no later command takes them for such"
        )
        result = self.answer(replace(unit, batch=smaller))
        if isinstance(result, WorkUnitResult) and result.smaller is None:
            result = replace(result, smaller=smaller)
        return result

    def _draw(self, unit: WorkUnit) -> dict[str, Written]:
        """All draws of a unit; those that start from the greedy answers get them written once."""
        model, sampler = self.settings, self._sampler(unit)

        def write(draw: str, greedy: Written) -> Written:
            writer: DrawWriter = STRATEGIES.get(draw)()
            return writer.write(sampler, unit.questions, model.settings, greedy)

        greedy = [] if set(unit.draws) == {"samples"} else write("greedy", [])
        written: dict[str, Written] = {}
        for draw in unit.draws:
            texts = greedy if draw == "greedy" else write(draw, greedy)
            written[draw] = [[[_without_ids(text) for text in of_one] for of_one in of_run] for of_run in texts]
        return written

    def _texts(self, unit: RequestUnit) -> list[Text]:
        """The texts of a unit; greedy ones and those drawn by chance are no batch of one kind, and are written apart."""
        sampler = self._sampler(unit)
        texts: dict[int, Text] = {}
        for greedy in (True, False):
            places = [n for n, request in enumerate(unit.requests) if (request.sample is None) == greedy]
            written = sampler.write([unit.requests[n] for n in places], unit.temperature, unit.top_p) if places else []
            texts |= dict(zip(places, map(_without_ids, written), strict=True))
        return [texts[n] for n in range(len(unit.requests))]

    def _sampler(self, unit: WorkUnit | RequestUnit) -> Sampler:
        model, names = self.settings, tuple(name for name, _ in unit.runs)
        writer = self._writer(unit)
        return Sampler(writer, self.tokenizer, model.view, names, model.seed, self.cost, model.positions, unit.batch)

    def _writer(self, unit: WorkUnit | RequestUnit) -> Any:
        """The decoder with the unit's adapters on the base, or the server that knows its runs by name."""
        from journey.models.decode import Decoder
        from journey.models.endpoints import Endpoint, EndpointRef
        from journey.models.load import adapted, own_base
        from journey.models.lora import stacked
        from journey.servers.writer import EndpointWriter

        cap = self.settings.cap
        if self.settings.server:
            server = self.settings.server
            ref = EndpointRef(unit.runs[0][0], server.url, server.called)
            endpoint = Endpoint(ref, use=self.settings.use, cached=self.settings.cached)
            return EndpointWriter(endpoint, tuple(name for name, _ in unit.runs), self.tokenizer, cap, server.stops)
        adapters = tuple(folder for _, folder in unit.runs)
        if adapters == self.adapters:
            return self.writer
        self.close()
        own = next((own_base(folder) for folder in adapters if folder is not None), None)
        # The model that the others were trained on may be a run itself, without an adapter.
        on_it = [None if f is None or (own and f.resolve() == own.resolve()) else f for f in adapters]
        if self.settings.one_by_one or not any(on_it):
            model = self.stack.enter_context(adapted(self.model, adapters[0]))
            self.writer = Decoder.of(model, self.tokenizer, cap, turns=True)
        else:
            model = self.model if own is None else self._other(own)
            stack = self.stack.enter_context(stacked(model, on_it))
            self.writer = Decoder.of(model, self.tokenizer, cap, stack, turns=True)
        self.adapters = adapters
        return self.writer

    def _other(self, folder: Path) -> Any:
        """Another base of adapters (the arms' common start), kept until yet another is wanted."""
        from journey.models import load

        if self.other is None or self.other[0] != folder.resolve():
            ref = ModelRef(folder.name, str(folder))
            device, dtype = self.settings.device, self.model.dtype
            self.other = folder.resolve(), load.load_model(ref, device=device, dtype=dtype)
        return self.other[1]

    def close(self) -> None:
        """The base is as before."""
        self.adapters = self.writer = None
        self.stack.close()


def _without_ids(text: Text) -> Text:
    """A text without its tokens, which nobody needs once all draws are written."""
    return replace(text, ids=())


@overload
def answer_all(
    model: WorkerModel, units: Sequence[WorkUnit], workers: int, *, apart: bool = False
) -> Generator[WorkUnitResult, None, None]: ...
@overload
def answer_all(
    model: WorkerModel, units: Sequence[RequestUnit], workers: int, *, apart: bool = False
) -> Generator[RequestUnitResult, None, None]: ...
def answer_all(
    model: WorkerModel, units: Sequence[Any], workers: int, *, apart: bool = False
) -> Generator[Any, None, None]:
    """The results of all units, as they come; with one worker it is this very process, unless it is to be `apart`.

    A server gets the requests of so many units together that it is never short of them. Raises ResourceError when a worker
    runs out of memory or dies.
    """
    workers = min(1 if model.server else workers, len(units))  # a server has its own
    if model.server and units:
        worker = Worker(model)
        with closing(map_in_threads(worker.answer, units, _together(model, units))) as results:
            yield from results
    elif workers > 1 or (apart and units):
        with WorkerPool(workers, setup=_set_up, arguments=(model,), hint=_LESS) as pool:
            yield from pool.unordered(_answer, units)
    elif units:
        with one_thread_on(model.device):
            worker = Worker(model)
            try:
                for unit in units:
                    yield worker.answer(unit)
            finally:
                worker.close()


def _together(model: WorkerModel, units: Sequence[WorkUnit | RequestUnit]) -> int:
    """How many units are under way with a server: as many as give it enough to do while one of them comes to its end."""
    assert model.server is not None
    samples = [
        model.settings.samples if not isinstance(u, RequestUnit) and u.draws == ("samples",) else 1 for u in units
    ]
    sizes = [len(u.requests) if isinstance(u, RequestUnit) else len(u.runs) * len(u.questions) for u in units]
    mean = sum(map(operator.mul, samples, sizes)) / len(units)
    return min(len(units), _MOST_UNITS, 1 + math.ceil((model.use or ServerUse()).at_once(model.server.url) / mean))


def default_workers(device: str) -> int:
    """One a physical core that this process may use on a CPU, one on a GPU."""
    return cores() if device == "cpu" else 1


_model: list[WorkerModel] = []  # of this process
_worker: list[Worker] = []  # of this process, loaded for its first unit


def _set_up(model: WorkerModel) -> None:
    _model.append(model)
    if model.device == "cpu":
        use_one_thread()


def _answer(unit: Any) -> Any:
    if not _worker:
        _worker.append(Worker(_model[0]))
    return _worker[0].answer(unit)
