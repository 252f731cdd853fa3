"""The upload of a staged folder to the Hub: looked over first, one commit, a tag, read back and compared by hash.

Nothing is visible before it is whole: a new repository is made private and opened to others only after what arrived was
compared, and a commit is atomic. An interrupted upload leaves no commit; the same call sends what is missing.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey import console, hub
from journey.errors import AuthError, JourneyError, RemoteError, UsageError
from journey.formats.files import sha256
from journey.formats.manifest import MANIFEST, Manifest
from journey.formats.publication import Publication
from journey.hub import RepoType
from journey.publish.settings import PublishSettings
from journey.publish.transfer.changes import changed, describe, shrinks
from journey.publish.transfer.local import Local

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Agreed = Callable[[str], bool]  # whether a person agrees to what is said in words
TRIES = 4  # of a commit that conflicts or meets a failing server
WAIT = 2.0  # seconds before the second try, doubled for each further one
READ_BACK = 1 << 30  # bytes fetched again and hashed here; more than that is compared by the Hub's own hashes alone
_OURS_FIRST = {".gitattributes", "README.md"}  # what the Hub itself may have put into a new repository


@dataclass(frozen=True)
class Target:
    """One repository that is to be written, as it was found."""

    repo: str
    kind: RepoType
    exists: bool
    private: bool
    head: str | None
    tags: Mapping[str, str]


def who(api: HfApi) -> dict[str, Any]:
    """The account behind the login. Raises AuthError or RemoteError."""
    hub.token()
    with hub.remote("asking the Hub who you are"):
        account: dict[str, Any] = api.whoami()
    return account


def preflight(api: HfApi, account: Mapping[str, Any], repo: str, kind: RepoType, settings: PublishSettings) -> Target:
    """Check name, login and write access before any work.

    Raises UsageError (name, tag, a public repository without --public), AuthError or RemoteError.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    owner = hub.parse_id(repo).owner
    asking = f"looking at {repo}"
    with hub.remote(asking):
        try:
            info: Any = api.repo_info(repo, repo_type=kind)
        except RepositoryNotFoundError:
            info = None
    _may_write(api, account, owner, repo, kind, info is not None, settings)
    if info is None:
        if settings.create_pr:
            raise UsageError(f"{repo} does not exist, so no pull request can be opened", "publish without --create-pr")
        return Target(repo, kind, False, True, None, {})
    if not info.private and not settings.public and not settings.create_pr:
        raise UsageError(f"{repo} exists and is public", "add --public to publish there, or give another --repo")
    with hub.remote(asking):
        refs = api.list_repo_refs(repo, repo_type=kind)
    tags = {tag.name: tag.target_commit for tag in refs.tags}
    branches = {branch.name: branch.target_commit for branch in refs.branches}
    head = branches.get(settings.revision or "main")
    if settings.tag in tags and tags[settings.tag] != head:
        raise UsageError(f"{repo} has a version {settings.tag!r} already", "give another --tag, or none")
    return Target(repo, kind, True, bool(info.private), head, tags)


def _may_write(
    api: HfApi,
    account: Mapping[str, Any],
    owner: str,
    repo: str,
    kind: RepoType,
    exists: bool,
    settings: PublishSettings,
) -> None:
    mine = [account["name"], *(org["name"] for org in account.get("orgs", []))]
    role = ((account.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise AuthError("the token may only read\n  make one that may write at https://huggingface.co/settings/tokens")
    if settings.create_pr:
        return
    if owner not in mine:
        raise AuthError(
            f"you are {account['name']}, which may not write to {owner}/\n  use one of {', '.join(mine)}, or --create-pr"
        )
    if exists:
        with hub.remote(f"checking write access to {repo}"):
            api.auth_check(repo, repo_type=kind, write=True)


def publish(
    api: HfApi,
    target: Target,
    files: Mapping[str, Path],
    settings: PublishSettings,
    message: str,
    source: str,
    agreed: Agreed | None = None,
) -> Publication:
    """Send the files (by their path in the repository) as one commit and compare what arrived.

    A version that would drop most of the rows that are there is sent only if `agreed`, which is told so in words, says yes.

    The same files again make no commit. Raises RemoteError or AuthError; the repository is then as it was, or new,
    private and empty.
    """
    local = {name: Local.of(path) for name, path in sorted(files.items())}
    if not target.exists:
        with hub.remote(f"making {target.repo}"):
            api.create_repo(target.repo, repo_type=target.kind, private=True, exist_ok=True)
    if settings.revision and not settings.create_pr:
        with hub.remote(f"making the branch {settings.revision} of {target.repo}"):
            api.create_branch(target.repo, branch=settings.revision, repo_type=target.kind, exist_ok=True)
    sent = _commit(api, target, local, settings, message, agreed)
    downloaded = _read_back(api, target, local, sent.commit) if sent.changed else 0
    tag = None if settings.create_pr else _tag(api, target, sent, settings, message)
    if not settings.create_pr:
        _open(api, target, settings)
    return Publication(
        repo=target.repo,
        kind=target.kind,
        url=hub.url(target.repo, target.kind),
        commit=sent.commit,
        changed=sent.changed,
        tag=tag,
        revision=settings.revision or "main",
        pull_request=sent.pull_request,
        files=len(local),
        bytes=sum(file.size for file in local.values()),
        downloaded=downloaded,
        manifest_sha256=local[MANIFEST].sha256,
        source_sha256=source,
        changes=tuple(sent.changes),
    )


@dataclass(frozen=True)
class _Sent:
    commit: str
    changed: bool
    pull_request: str | None
    changes: list[str]


def listing(api: HfApi, repo: str, kind: RepoType, revision: str) -> dict[str, Any]:
    """The files of a repository at a revision, by path."""
    from huggingface_hub.hf_api import RepoFile

    with hub.remote(f"listing {repo}"):
        tree = list(api.list_repo_tree(repo, repo_type=kind, revision=revision, recursive=True))
    return {item.path: item for item in tree if isinstance(item, RepoFile)}


def _commit(
    api: HfApi,
    target: Target,
    local: Mapping[str, Local],
    settings: PublishSettings,
    message: str,
    agreed: Agreed | None,
) -> _Sent:
    """One commit on the head as it is at that moment; tried again, on a fresh head, where that may help."""
    revision = settings.revision or "main"
    for attempt in range(TRIES):
        with hub.remote(f"looking at {target.repo}"):
            head = str(api.repo_info(target.repo, repo_type=target.kind, revision=revision).sha)
        remote = listing(api, target.repo, target.kind, head)
        wanted = _differences(local, remote)
        if not wanted and not _stale(api, target, local, remote, head):
            return _Sent(head, attempt > 0, None, [])  # an earlier try may have arrived though its answer did not
        if settings.tag in target.tags:
            raise UsageError(f"{target.repo} has a version {settings.tag!r} already", "give another --tag, or none")
        try:
            return _send(api, target, local, settings, message, head, remote, agreed)
        except JourneyError as error:
            cause = error.__cause__
            code = hub.status(cause) if cause is not None else None
            if attempt == TRIES - 1 or not (code in (409, 412) or (code or 0) >= 500):
                raise
            pause = WAIT * 2**attempt
            console.note(f"{str(error).splitlines()[0]}; trying again in {pause:g} s")
            time.sleep(pause)
    raise AssertionError("unreachable")


def _send(
    api: HfApi,
    target: Target,
    local: Mapping[str, Local],
    settings: PublishSettings,
    message: str,
    head: str,
    remote: Mapping[str, Any],
    agreed: Agreed | None,
) -> _Sent:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    stale = _stale(api, target, local, remote, head)
    before = _manifest(api, target, remote, head)
    loss = shrinks(Manifest.parse(local[MANIFEST].path.read_bytes(), str(local[MANIFEST].path)), before)
    if loss and not settings.create_pr and not (agreed is not None and agreed(f"{target.repo}: {loss}")):
        raise UsageError(f"{target.repo}: {loss}", "add --yes if that is meant, or give another --repo")
    changes = changed(local, remote, stale, before)
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=file.path)
        for name, file in local.items()
        if name not in remote or not file.same_as(remote[name])
    ]
    operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
    with hub.remote(f"publishing to {target.repo}"):
        done = api.create_commit(
            target.repo,
            operations,
            repo_type=target.kind,
            commit_message=message,
            commit_description=describe(changes),
            parent_commit=head,
            create_pr=settings.create_pr,
            revision=None if settings.create_pr else settings.revision or "main",
        )
    return _Sent(str(done.oid), True, done.pr_url, changes)


def _differences(local: Mapping[str, Local], remote: Mapping[str, Any]) -> list[str]:
    return [name for name, file in local.items() if name not in remote or not file.same_as(remote[name])]


def _manifest(api: HfApi, target: Target, remote: Mapping[str, Any], head: str) -> Manifest | None:
    """The manifest of the version that is there, or None."""
    if MANIFEST not in remote:
        return None
    with tempfile.TemporaryDirectory() as folder, hub.remote(f"reading the manifest of {target.repo}"):
        path = api.hf_hub_download(target.repo, MANIFEST, repo_type=target.kind, revision=head, local_dir=folder)
        try:
            manifest = Manifest.parse(Path(path).read_bytes(), f"{MANIFEST} of {target.repo}")
        except JourneyError:
            return None
    return manifest if manifest.stage == "publish" else None


def _stale(api: HfApi, target: Target, local: Mapping[str, Local], remote: Mapping[str, Any], head: str) -> list[str]:
    """Files of the version that is there which this one lacks. Raises UsageError if others' files are there."""
    extra = [name for name in remote if name not in local and name != ".gitattributes"]
    if not remote.keys() - _OURS_FIRST:
        return []
    manifest = _manifest(api, target, remote, head)
    if manifest is None:
        raise UsageError(
            f"{target.repo} holds files that `journey publish` did not write: {', '.join(sorted(remote)[:5])}",
            "give another --repo",
        )
    return [name for name in extra if name in manifest.files]


def _read_back(api: HfApi, target: Target, local: Mapping[str, Local], commit: str) -> int:
    """Compare what the commit holds with the files here; gives how many were fetched again. Raises RemoteError."""
    remote = listing(api, target.repo, target.kind, commit)
    differing = _differences(local, remote)
    if differing:
        raise RemoteError(
            f"{target.repo} at {commit[:12]} does not hold what was sent: {', '.join(differing[:5])}\n"
            "  it is not tagged; run it again"
        )
    left = READ_BACK
    wanted = []
    for name, file in sorted(local.items(), key=lambda each: each[1].size):
        left -= file.size
        if left >= 0:
            wanted.append(name)
    console.note(f"reading {len(wanted)} files of {target.repo} back")
    with tempfile.TemporaryDirectory() as folder:
        with hub.quiet(), hub.remote(f"reading {target.repo} back"):
            api.snapshot_download(
                target.repo, repo_type=target.kind, revision=commit, local_dir=folder, allow_patterns=wanted
            )
        wrong = [name for name in wanted if sha256(Path(folder) / name) != local[name].sha256]
    if wrong:
        raise RemoteError(f"{target.repo} gives other bytes than were sent for {', '.join(wrong[:5])}\n  run it again")
    return len(wanted)


def _tag(api: HfApi, target: Target, sent: _Sent, settings: PublishSettings, message: str) -> str | None:
    """Tag the commit: as asked, else with the next vN if something changed. Gives the tag, or the one it has."""
    having = [name for name, commit in target.tags.items() if commit == sent.commit]
    if settings.tag in having or (settings.tag is None and having):
        return settings.tag or max(having)
    name = settings.tag or _next_version(target.tags)
    with hub.remote(f"tagging {target.repo} as {name}"):
        api.create_tag(target.repo, tag=name, revision=sent.commit, repo_type=target.kind, tag_message=message)
    return name


def _next_version(tags: Iterable[str]) -> str:
    numbers = [int(match[1]) for match in (re.fullmatch(r"v(\d+)", tag) for tag in tags) if match]
    return f"v{max(numbers, default=0) + 1}"


def _open(api: HfApi, target: Target, settings: PublishSettings) -> None:
    """Make it visible and gated as asked, now that it is whole."""
    wanted: dict[str, Any] = {}
    if settings.gated:
        wanted["gated"] = settings.gated
    if settings.public and target.private:
        wanted["private"] = False
    if wanted:
        with hub.remote(f"setting who may see {target.repo}"):
            api.update_repo_settings(target.repo, repo_type=target.kind, **wanted)
