"""The Hugging Face Hub: ids, the login, and what its errors mean here.

Everything that talks to the Hub goes through `remote`, so that a refused login, a missing repository, a busy server
and a dead network are each one message and one exit code: 4 for authentication, 5 for everything remote. The token
comes from HF_TOKEN or from `hf auth login`, is handed to the client library alone, and is never written anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from journey.errors import AuthError, JourneyError, RemoteError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

RepoType = Literal["dataset", "model"]
# What the Hub takes as USER/NAME: https://huggingface.co/docs/huggingface_hub/package_reference/utilities#validators
_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_ID = re.compile(rf"(?P<owner>{_PART})/(?P<name>{_PART})(?:@(?P<revision>[\w./-]+))?")
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubId:
    """`OWNER/NAME[@REVISION]`; a revision is a branch, a tag or a commit."""

    owner: str
    name: str
    revision: str | None = None

    @property
    def repo(self) -> str:
        """The id without its revision, `OWNER/NAME`."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"


def parse_id(text: str) -> HubId:
    """The parts of a Hub id. Raises UsageError for anything that the Hub would not take as a name."""
    match = _ID.fullmatch(text)
    if match is None or match["name"].endswith(".git") or len(f"{match['owner']}/{match['name']}") > 96:
        raise UsageError(
            f"{text!r} is no name on the Hub",
            "USER/NAME[@REVISION]: letters, digits, . _ -, no -- or .., at most 96 characters",
        )
    return HubId(match["owner"], match["name"], match["revision"])


def is_id(text: str) -> bool:
    """Whether a text could be a Hub id rather than a path."""
    return _ID.fullmatch(text) is not None


def token() -> str:
    """The token of the login. Raises AuthError if there is none."""
    from huggingface_hub import get_token

    saved = get_token()
    if not saved:
        raise AuthError(f"no login to the Hub\n  {LOGIN}")
    return saved


def api() -> HfApi:
    """A client of the Hub that is configured (HF_ENDPOINT), with the login's token where there is one."""
    from huggingface_hub import HfApi, constants, get_token

    return HfApi(endpoint=constants.ENDPOINT, token=get_token() or False)


def url(repo: str, kind: RepoType) -> str:
    """Where a repository is read."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repo}"


@contextmanager
def remote(doing: str) -> Iterator[None]:
    """Turns what the client library raises into AuthError, RemoteError or UsageError; `doing` says what was tried."""
    try:
        yield
    except JourneyError:
        raise
    except Exception as error:
        meant = explain(doing, error)
        if meant is None:
            raise
        raise meant from error


def status(error: BaseException) -> int | None:
    """The HTTP status behind an error, or None."""
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None


def explain(doing: str, error: Exception) -> JourneyError | None:
    """What an error of the client library means, or None if it is not the Hub's."""
    from huggingface_hub import errors

    message = _first_line(error)
    if isinstance(error, errors.LocalTokenNotFoundError):
        return AuthError(f"{doing}: no login to the Hub\n  {LOGIN}")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return RemoteError(f"{doing}: HF_HUB_OFFLINE is set, so the Hub is not asked\n  unset it, or work from folders")
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{doing}: {message}", "USER/NAME[@REVISION]")
    if isinstance(error, errors.GatedRepoError):
        return AuthError(f"{doing}: the repository is gated\n  accept its conditions on its page, then {LOGIN}")
    if isinstance(error, errors.RevisionNotFoundError):
        return RemoteError(f"{doing}: no such revision ({message})\n  look at the repository's branches and tags")
    if isinstance(error, errors.RepositoryNotFoundError):
        return RemoteError(f"{doing}: no such repository, or your login may not see it\n  check the name; {LOGIN}")
    if isinstance(error, ValueError) and message.startswith("Invalid metadata"):
        return RemoteError(f"{doing}: the Hub refuses the card's metadata ({' '.join(str(error).split())[:300]})")
    code = status(error)
    if code is not None:
        return _of_status(doing, code, message, error)
    if _is_network(error):
        return RemoteError(f"{doing}: the Hub cannot be reached ({message})\n  check the network and run it again")
    if isinstance(error, RuntimeError) and "upload" in str(error).lower():  # the client gave up on a part of a file
        return RemoteError(f"{doing}: the upload failed ({message})\n  run it again: what arrived is not sent twice")
    if isinstance(error, errors.LocalEntryNotFoundError | errors.EntryNotFoundError):
        return RemoteError(f"{doing}: a file is not there ({message})")
    return None


_MEANING: dict[int, Callable[[str, str, Any], JourneyError]] = {
    400: lambda doing, message, _: RemoteError(f"{doing}: the Hub refused it (400: {message})"),
    401: lambda doing, message, _: AuthError(f"{doing}: the Hub refuses the token (401: {message})\n  {LOGIN}"),
    403: lambda doing, message, _: AuthError(
        f"{doing}: the token may not do this (403: {message})\n  use a token with write access to this namespace"
    ),
    404: lambda doing, message, _: RemoteError(f"{doing}: not found (404: {message})\n  check the name; {LOGIN}"),
    409: lambda doing, message, _: RemoteError(
        f"{doing}: it conflicts with what is there (409: {message})\n  run it again"
    ),
    412: lambda doing, message, _: RemoteError(
        f"{doing}: somebody else changed the repository meanwhile (412: {message})\n  run it again"
    ),
    429: lambda doing, message, error: RemoteError(
        f"{doing}: the Hub asks to wait{_wait(error)} (429: too many requests)\n  run it again then"
    ),
}


def _of_status(doing: str, code: int, message: str, error: Exception) -> JourneyError:
    if code in _MEANING:
        return _MEANING[code](doing, message, error)
    if code >= 500:
        return RemoteError(
            f"{doing}: the Hub failed ({code}: {message})\n  run it again later; see status.huggingface.co"
        )
    return RemoteError(f"{doing}: the Hub answered {code} ({message})")


def _wait(error: Any) -> str:
    seconds = error.response.headers.get("Retry-After", "")
    return f" {seconds} s" if str(seconds).isdigit() else ""


def _first_line(error: Exception) -> str:
    """The server's own words where there are any, else the first line; never a request's headers."""
    own = getattr(error, "server_message", None)
    lines = [line.strip() for line in str(own or error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _is_network(error: BaseException) -> bool:
    """Whether a connection failed: the client library's HTTP errors without an answer, or the system's."""
    seen: BaseException | None = error
    while seen is not None:
        names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(seen).__mro__}
        if names & {"httpx2.TransportError", "httpx.TransportError"} or isinstance(
            seen, ConnectionError | TimeoutError
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of the client library, where ours says how far it is."""
    from huggingface_hub import utils

    before = utils.are_progress_bars_disabled()
    utils.disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            utils.enable_progress_bars()


def secrets() -> list[str]:
    """Every secret that this process could write by mistake: the Hub token and what looks like a key in its variables."""
    from huggingface_hub import get_token

    named = re.compile(r"TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY", re.IGNORECASE)
    values = [value for name, value in os.environ.items() if named.search(name)]
    return sorted({value for value in [get_token() or "", *values] if len(value) >= 12})
