"""A Hub on the loopback address: what huggingface_hub and datasets call to make, write, tag and read repositories.

The calls themselves are in `loopback_routes.py`. It keeps everything in memory, knows accounts and their rights, and answers 501 to any call that it does not know, so that
a client that starts to call something else is noticed. Large files go by git LFS; the storage by content (Xet) is not
there, so clients are told to do without.

    hub = LoopbackHub().start(); hub.fail("POST", "/commit/", 503); ...; hub.stop()
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

WHEN = "2026-01-01T00:00:00.000Z"
LARGE = re.compile(r"\.(parquet|safetensors|gguf|bin|arrow|gz|zip)$|^tokenizer\.json$")


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Commit:
    """A state of a repository: `files` by path, each (bytes, whether it is a large file)."""

    oid: str
    title: str
    description: str
    files: dict[str, tuple[bytes, bool]]
    parent: str | None


@dataclass
class Repo:
    """A repository with its branches, tags and pull requests."""

    kind: str  # models or datasets
    id: str
    private: bool
    gated: Any = False
    commits: dict[str, Commit] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)

    def add(self, files: dict[str, tuple[bytes, bool]], title: str, description: str, parent: str | None) -> str:
        """A new commit, on no branch yet."""
        oid = hashlib.sha1(f"{self.kind}{self.id}{len(self.commits)}{title}{parent}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, title, description, files, parent)
        return oid

    def at(self, revision: str) -> Commit:
        """The commit of a branch, tag, pull request or commit id."""
        name = unquote(revision)
        oid = next((names[name] for names in (self.heads, self.tags, self.pulls) if name in names), name)
        if oid not in self.commits:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {name}")
        return self.commits[oid]

    @property
    def log(self) -> list[Commit]:
        """Commits of main that a client made, newest first."""
        found, oid = [], self.heads["main"]
        while self.commits[oid].parent is not None:
            found.append(self.commits[oid])
            oid = str(self.commits[oid].parent)
        return found


@dataclass
class Call:
    """One request as a route sees it."""

    hub: LoopbackHub
    found: dict[str, str]
    query: dict[str, list[str]]
    body: bytes
    account: dict[str, Any] | None
    token: str | None

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"{}")

    @property
    def repo(self) -> Repo:
        """The repository in the path, if the account may see it."""
        repo = self.hub.repos.get((self.found["kind"] or "models", self.found["id"]))
        if repo is None or (repo.private and not self.may_write(self.found["id"], see=True)):
            raise Refusal(401 if self.account is None else 404, "RepoNotFound", "Repository not found")
        return repo

    def may_write(self, id_: str, *, see: bool = False) -> bool:
        """Whether the account owns the namespace (and, unless only seeing is asked, its token may write)."""
        if self.account is None:
            return False
        mine = id_.partition("/")[0] in [self.account["name"], *self.account.get("orgs", [])]
        return mine and (see or self.account.get("role", "write") == "write")

    def must_write(self, id_: str) -> None:
        """Refuse who may not write."""
        if self.account is None:
            raise Refusal(401, "", "Invalid username or password.")
        if not self.may_write(id_):
            raise Refusal(403, "", f"You don't have the rights to write to {id_}")


Route = Callable[[Call], Any]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []
API = r"/api/(?P<kind>models|datasets)/(?P<id>[\w.-]+/[\w.-]+)"
GIT = r"/(?:(?P<kind>datasets)/)?(?P<id>[\w.-]+/[\w.-]+)"


def route(method: str, path: str) -> Callable[[Route], Route]:
    """Register what answers a path."""

    def register(function: Route) -> Route:
        ROUTES.append((method, re.compile(path), function))
        return function

    return register


def git_id(data: bytes) -> str:
    """git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(path: str, data: bytes, large: bool) -> dict[str, Any]:
    """A file in a listing."""
    told: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_id(data)}
    if large:
        told["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for the client's acknowledgement
    wbufsize = -1
    server: Any

    def log_message(self, *args: Any) -> None:
        return None

    def answer(self) -> None:
        hub: LoopbackHub = self.server.hub
        parts = urlsplit(self.path)
        body = b"".join(self.chunks())
        method = "GET" if self.command == "HEAD" else self.command
        headers = {"Content-Type": "application/json"}
        try:
            with hub.lock:
                hub.check_faults(method, parts.path)
                given = hub.answer(method, parts, body, self.headers.get("Authorization", ""))
            status = 200
            if isinstance(given, tuple):
                data, headers = given
            else:
                data = json.dumps(given).encode()
        except Refusal as refusal:
            text = refusal.message
            data = text.encode() if text.startswith("{") else json.dumps({"error": text}).encode()
            status, headers = refusal.status, {**headers, **refusal.headers}
            headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
        hub.requests.append((self.command, parts.path, status))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and data and status == 200 and self.command == "GET":
            first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data)), "X-Request-Id": "loopback"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def chunks(self) -> Iterator[bytes]:
        """The body. Raises ConnectionAbortedError if the client died while it sent it."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield self.exactly(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0] or b"-1", 16):
            yield self.exactly(size)
            self.rfile.readline()
        self.rfile.readline()

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        data = self.rfile.read(size) if size >= 0 else b""
        if len(data) != size:
            raise ConnectionAbortedError
        return data


class LoopbackHub:
    """The server and everything on it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[tuple[str, str, int]] = []
        self.server: Any = None
        self.errors: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything but the accounts that every test has."""
        with self.lock:
            self.repos: dict[tuple[str, str], Repo] = {}
            self.objects: dict[str, bytes] = {}
            self.faults: list[list[Any]] = []
            self.requests.clear()
            self.accounts: dict[str, dict[str, Any]] = {
                "hf_" + "w" * 34: {"name": "tester", "orgs": ["lab"]},
                "hf_" + "r" * 34: {"name": "tester", "role": "read"},
                "hf_" + "o" * 34: {"name": "other"},
            }

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> LoopbackHub:
        """Serve on a free port of the loopback address."""
        import journey_testing.loopback_routes  # noqa: F401  (each call registers itself)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.hub, self.server.daemon_threads = self, True
        self.server.handle_error = self.note_error
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def note_error(self, *args: Any) -> None:
        """Keep what went wrong in the server itself; a client that was killed is none of that."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.errors.append(repr(error))

    def stop(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()

    def make(self, kind: str, id_: str, *, private: bool = True) -> Repo:
        """A new repository with the first commit that the Hub itself makes."""
        repo = self.repos[kind, id_] = Repo(kind, id_, private)
        repo.heads["main"] = repo.add({".gitattributes": (b"", False)}, "initial commit", "", None)
        return repo

    def put(self, kind: str, id_: str, files: dict[str, bytes], *, private: bool = False) -> Repo:
        """A repository that holds these files."""
        repo = self.make(kind, id_, private=private)
        held = {name: (data, bool(LARGE.search(name))) for name, data in files.items()}
        repo.heads["main"] = repo.add(held, "files", "", repo.heads["main"])
        return repo

    def fail(self, method: str, path: str, status: int, *, times: int = 1, after: bool = False, **headers: str) -> None:
        """Refuse the next `times` calls of a path (a regular expression); `after` does the work first."""
        self.faults.append([method, re.compile(path), times, Refusal(status, "", "made to fail", **headers), after])

    def check_faults(self, method: str, path: str, *, after: bool = False) -> None:
        """Raise the first fault that fits."""
        for fault in self.faults:
            if fault[0] == method and fault[2] > 0 and fault[4] == after and fault[1].search(path):
                fault[2] -= 1
                raise fault[3]

    def answer(self, method: str, parts: Any, body: bytes, authorization: str) -> Any:
        """What a call gives. Raises Refusal."""
        token = authorization.removeprefix("Bearer ") if authorization else None
        if token is not None and token not in self.accounts:
            raise Refusal(401, "", "Invalid username or password.")
        account = self.accounts.get(token or "")
        for wanted, path, function in ROUTES:
            found = path.fullmatch(parts.path)
            if wanted == method and found:
                named = {"kind": None, "id": None, **found.groupdict()}
                given = function(Call(self, named, parse_qs(parts.query, True), body, account, token))  # type: ignore[arg-type]
                self.check_faults(method, parts.path, after=True)
                return given
        raise Refusal(501, "", f"the loopback Hub does not know {method} {parts.path}")
