"""A server in the place of the decoder: requests of several runs, each known to it by a name, as the sampler makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journey.errors import UsageError
from journey.models.completion import Completion, CompletionRequest
from journey.models.endpoints import Endpoint, Reply, ask_all

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class EndpointWriter:
    """Completes requests as `Decoder.write` does, from a server that knows every run by a name."""

    endpoint: Endpoint
    names: tuple[str, ...]  # by place of the run
    tokenizer: PreTrainedTokenizerBase
    cap: int
    stops: tuple[int, ...] | None = None  # of a server that gives token ids

    def write(
        self,
        requests: Sequence[CompletionRequest],
        temperature: float = 1.0,
        top_p: float = 1.0,
        rows: int | None = None,
    ) -> list[Completion]:
        """All requests, many at a time (the server makes its own batches); the server's seed of a sample comes from its stream."""

        def complete(request: CompletionRequest) -> Completion:
            cap = self.cap if request.cap is None else request.cap
            if cap < 1:
                return Completion((), "length")
            seed = None if request.chance is None else int.from_bytes(request.chance[:1].tobytes(), "little") >> 1
            # The whole stream: the seed that a server takes is too short to tell all samples apart.
            draw = (
                "" if request.chance is None else hashlib.blake2b(request.chance.tobytes(), digest_size=16).hexdigest()
            )
            reply = self.endpoint.complete(
                request.prompt,
                cap=cap,
                temperature=0.0 if request.chance is None else temperature,
                top_p=1.0 if request.chance is None else top_p,
                seed=seed,
                logprobs=request.chance is not None,
                model=self.names[request.run],
                draw=draw,
                stops=self.stops,
            )
            return Completion(
                self._ids(reply), reply.finish, reply.seconds, reply.logprob, reply.tokens or None, reason=reply.reason
            )

        return ask_all(complete, requests, self.endpoint.at_once)

    def _ids(self, reply: Reply) -> tuple[int, ...]:
        """The tokens of an answer, with the one that ended it, which is not in the text."""
        if self.stops is not None and reply.ids is None:
            raise UsageError(f"{self.endpoint.ref} gives no token ids", "is it vLLM 0.10.2 or newer?")
        ids = reply.ids
        if ids is None:
            ids = tuple(self.tokenizer(reply.text, add_special_tokens=False)["input_ids"])
        elif ids and ids[-1] in (self.stops or ()):
            return ids
        return (*ids, int(self.tokenizer.eos_token_id)) if reply.finish == "stop" else ids
