"""Policies: the models whose attempts are drawn, found by name and named by the hash of their weights.

Policies on one base are asked at once, their adapters stacked on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from journey.config import SampleSettings
from journey.errors import UsageError
from journey.formats.attempts import Origin, PolicyInfo
from journey.formats.folders import open_run
from journey.models import load, places, template
from journey.models.endpoints import EndpointRef, reference
from journey.models.policy import Wishes, find
from journey.sampling.identity import weights_of
from journey.views import View


@dataclass(frozen=True)
class SamplingPolicy:
    """A model that answers: its base, the folder of its adapter (None: the base itself), and what is said of it.

    Of a model behind a server nothing but its name and address is known: `ref` is None.
    """

    ref: load.ModelRef | None
    adapter: Path | None
    info: PolicyInfo
    server: EndpointRef | None = None

    @property
    def view(self) -> View:
        """The view that it is asked in."""
        return self.info.view  # type: ignore[return-value]


def find_policy(name: str, settings: SampleSettings) -> SamplingPolicy:
    """The model of a name: of a server, a run of a finetune folder, or whatever `journey.models.load.find` finds.

    Loads no weights, and asks no server. Raises UsageError for an unknown one.
    """
    server = reference(name)
    if server is not None:
        return _served(server, settings)
    path = Path(name).expanduser()
    run = open_run(path) if path.is_dir() else None
    if run is None:
        ref, adapter, digest, view = load.find(name), None, None, None
        called = ref.name if ref.name in load.MODELS or not ref.local else Path(ref.source).name
    else:
        finetuned, called = run
        ref, adapter = places.base_of(finetuned), finetuned.run_folder(called)
        digest, view = finetuned.weights_sha256(called), finetuned.view
    own_temperature, own_top_p = load.sampling_defaults(ref)
    temperature, temperature_from = _chosen(settings.temperature, own_temperature)
    top_p, top_p_from = _chosen(settings.top_p, own_top_p)
    tokenizer = load.load_tokenizer(ref)
    view = settings.view or view or template.default_view(tokenizer)
    # A run is asked as it was trained, a model as its template makes it be asked.
    own = find(tokenizer, view, Wishes()) if run is None or view != run[0].view else run[0].template
    info = PolicyInfo(
        name=called.replace("/", "-"),
        base=Path(ref.source).name if ref.local and ref.name not in load.MODELS else ref.name,
        weights=weights_of(ref),
        adapter_sha256=digest,
        view=view,
        temperature=temperature,
        top_p=top_p,
        temperature_from=temperature_from,
        top_p_from=top_p_from,
        max_new_tokens=0,
        shots=settings.shots,
        template=own,
    )
    return SamplingPolicy(ref, adapter, info)


def _served(server: EndpointRef, settings: SampleSettings) -> SamplingPolicy:
    temperature, temperature_from = _chosen(settings.temperature, None)
    top_p, top_p_from = _chosen(settings.top_p, None)
    view = settings.view or "think"
    if view == "compact":
        raise UsageError(f"{server} is asked in prose", "leave out view=compact")
    info = PolicyInfo(
        name=server.name.replace("/", "-"),
        base=server.name,
        weights=str(server),  # all that is known of them
        adapter_sha256=None,
        view=view,
        temperature=temperature,
        top_p=top_p,
        temperature_from=temperature_from,
        top_p_from=top_p_from,
        max_new_tokens=0,
        shots=settings.shots,
    )
    return SamplingPolicy(None, None, info, server)


def find_policies(settings: SampleSettings) -> list[SamplingPolicy]:
    """The policies of the settings, in their order. Raises UsageError where there is none, or two have one name."""
    if not settings.policy:
        raise UsageError(
            "no model is named that answers", "add --policy MODEL, e.g. --policy pocket or --policy DIR/RUN"
        )
    policies = [find_policy(name, settings) for name in settings.policy]
    names = [policy.info.name for policy in policies]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two policies are called {name}", "sample them into two folders")
    return policies


def on_one_base(policies: Sequence[SamplingPolicy]) -> list[list[SamplingPolicy]]:
    """Policies that are asked at once: those with one base, view, template and way of drawing."""
    groups: dict[tuple[object, ...], list[SamplingPolicy]] = {}
    for policy in policies:
        info = policy.info
        start = load.own_base(policy.adapter) if policy.adapter else None
        asked = msgspec.json.encode(info.template)
        alike = (info.weights, start, info.view, info.temperature, info.top_p, asked)
        groups.setdefault(alike, []).append(policy)
    return list(groups.values())


def _chosen(given: float | None, own: float | None) -> tuple[float, Origin]:
    if given is not None:
        return given, "setting"
    return (1.0, "default") if own is None else (float(own), "model")
