"""Every error this project raises on purpose.

    JourneyError                 exit code 1   something failed
    |- UsageError                          2   bad input: what was passed, what was expected, what to type next
    |  `- UnknownName                      2   a name that is in no catalog; the nearest names are offered
    |- PartialError                        3   some of the work failed; what failed is named
    |- AuthError                           4   a login is missing or refused
    |- RemoteError                         5   the network or a remote service failed
    `- ResourceError                       6   disk or memory ran out

The command line prints the message and exits with the code; a traceback means a bug.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable

_LOGIN = re.compile(r"(?<=://)[^/\s?#]*@(?=[^/\s@])")
_KEY = re.compile(
    r"\b(?:hf_|sk-|api_org_)[A-Za-z0-9_-]{12,}|(?<=[?&])(api_?key|token|key|password)=[^&\s]+", re.IGNORECASE
)
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY", re.IGNORECASE)
_HIDDEN = "***"


def redacted(text: str) -> str:
    """The text without logins in addresses, tokens and keys, and without secrets of this process's environment."""
    text = _KEY.sub(_HIDDEN, _LOGIN.sub(f"{_HIDDEN}@", text)) if "://" in text or "_" in text or "sk-" in text else text
    for name, value in os.environ.items():
        if len(value) >= 12 and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, _HIDDEN)
    return text


def has_login(address: str) -> bool:
    """Whether an address holds a login or a key, as in `http://user:password@host` or `http://host?api_key=...`."""
    return "://" in address and (_LOGIN.search(address) is not None or _KEY.search(address) is not None)


class JourneyError(Exception):
    """Something failed that the user can read about in one message, which never holds a password or a token."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class UsageError(JourneyError):
    """A bad input. `hint` says what to type next."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  {hint}" if hint else message)


class UnknownName(UsageError):
    """A name that no catalog holds."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        offer = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}: {offer}", hint)


class PartialError(JourneyError):
    """Part of the work failed; the rest is on disk."""

    exit_code = 3


class AuthError(JourneyError):
    """A login is missing or was refused."""

    exit_code = 4


class RemoteError(JourneyError):
    """The network or a remote service failed."""

    exit_code = 5


class ResourceError(JourneyError):
    """Disk or memory ran out."""

    exit_code = 6
