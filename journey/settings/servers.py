"""Settings of servers: how those are asked that are there, and the one that is started here."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Unit
from pydantic import Field

from journey.settings.base import MOST, Settings, built_in, unset
from journey.settings.fields import Flag

# Settings of the use of servers that can change no answer: they stand in no manifest.
SERVER_USE = frozenset({"in_flight", "answer_seconds", "price_in", "price_out", "max_cost", "vllm_memory"})


class ServerUseSettings(Settings):
    """How servers are asked. None of it can change an answer."""

    in_flight: Annotated[int | None, Flag("N"), Unit("requests")] = Field(
        None,
        ge=1,
        le=4096,
        exclude_if=unset,
        description="to one server at once, at most (default: 256 on this machine or network, else 32)",
    )
    answer_seconds: Annotated[float | None, Flag("N"), Unit("seconds")] = Field(
        None,
        gt=0,
        le=MOST,
        exclude_if=unset,
        description="for one answer of a server, all tries and waits together (default: 600)",
    )
    price_in: Annotated[float | None, Flag("PRICE")] = Field(
        None, ge=0, le=MOST, exclude_if=unset, description="what a server takes for a million tokens of prompt"
    )
    price_out: Annotated[float | None, Flag("PRICE")] = Field(
        None, ge=0, le=MOST, exclude_if=unset, description="what it takes for a million tokens of answer"
    )
    max_cost: Annotated[float | None, Flag("COST")] = Field(
        None, gt=0, le=MOST, exclude_if=unset, description="stop before servers have cost more, and keep what is there"
    )


class ServerSettings(ServerUseSettings):
    """How servers are asked, and the one that is started here. Only `sampler` and `vllm_args` can change an answer."""

    sampler: Annotated[Literal["built-in", "vllm"], Flag("NAME")] = Field(
        "built-in", exclude_if=built_in, description="what answers; vllm is started and ended by this command"
    )
    vllm_memory: float | None = Field(
        None,
        gt=0,
        le=1,
        exclude_if=unset,
        description="share of the GPU's memory for vLLM (default: what is free, less a little)",
    )
    vllm_args: list[str] | None = Field(
        None, exclude_if=unset, description="further options for vLLM, e.g. [--tensor-parallel-size, 2]"
    )
