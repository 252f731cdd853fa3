"""Publishing a dataset with the real client: one commit, tagged, compared; versions, visibility, faults and kills."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journey.errors import AuthError, JourneyError, RemoteError, UsageError
from journey.formats.manifest import ListedFile, Manifest
from journey.publish.run import publish
from journey.publish.settings import PublishSettings
from journey.publish.transfer import upload
from journey.publish.transfer.upload import Agreed

REPO = "tester/journey-math"
Publish = Callable[..., dict[str, Any]]
from journey_testing.folders import change


@pytest.fixture(scope="module")
def staged_once(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publish folder of a dry run, copied by every test so that nothing is built twice."""
    out = tmp_path_factory.mktemp("staged") / "out"
    publish(str(curated), PublishSettings(repo=REPO), out=out, dry_run=True)
    return out


@pytest.fixture
def send(hub: Any, curated: Path, staged_once: Path, tmp_path: Path) -> Publish:
    """`send(tag="v2", ...)`: publish the curated folder to the loopback Hub."""

    def call(folder: Path = curated, agreed: Agreed | None = None, **settings: Any) -> dict[str, Any]:
        out = tmp_path / "out"
        if not out.exists():
            shutil.copytree(staged_once, out)
        (line,) = publish(str(folder), PublishSettings(**{"repo": REPO, **settings}), out=out, agreed=agreed)
        return line

    return call


def files_of(hub: Any, revision: str = "main", repo: str = REPO, kind: str = "datasets") -> dict[str, bytes]:
    there = hub.repos[kind, repo].at(revision).files
    return {name: data for name, (data, _) in there.items() if name != ".gitattributes"}


def test_one_commit_tagged_private_compared(hub: Any, send: Publish, tmp_path: Path) -> None:
    line = send()
    repo = hub.repos["datasets", REPO]
    assert repo.private and len(repo.log) == 1
    assert line["commit"] == repo.heads["main"] == repo.tags["v1"] and line["tag"] == "v1" and line["changed"]
    assert line["files"] == line["downloaded"] == len(files_of(hub))
    bundle = tmp_path / "out" / "bundle"
    assert {name: (bundle / name).read_bytes() for name in files_of(hub)} == files_of(hub)
    assert not {"environment.json", "timing.json"} & set(files_of(hub))
    (kept,) = json.loads((tmp_path / "out" / "published.json").read_bytes())
    assert kept == line


def test_no_token_and_no_path_of_this_machine_in_anything_sent(hub: Any, send: Publish, tmp_path: Path) -> None:
    send()
    for name, data in files_of(hub).items():
        assert b"hf_wwww" not in data and str(tmp_path).encode() not in data, name
    assert "hf_wwww" not in (tmp_path / "out" / "published.json").read_text()


def test_the_same_twice_makes_no_commit(hub: Any, send: Publish, tmp_path: Path) -> None:
    first, again = send(), send()
    assert again["commit"] == first["commit"] and not again["changed"] and again["tag"] == "v1"
    assert len(hub.repos["datasets", REPO].log) == 1 and list(hub.repos["datasets", REPO].tags) == ["v1"]
    assert len(json.loads((tmp_path / "out" / "published.json").read_bytes())) == 1


def smaller(curated: Path, generated: Path, tmp_path: Path) -> Path:
    """Another version: the same source, curated more strictly."""
    from journey.config import CurateSettings
    from journey.curate.run import curate

    return curate(generated, CurateSettings(base="pocket", max_tokens=100), tmp_path / "smaller")


def test_a_new_version_says_what_changed_and_drops_what_is_gone(
    hub: Any, send: Publish, curated: Path, generated: Path, tmp_path: Path
) -> None:
    send()
    shutil.copytree(generated, tmp_path / "generated")
    line = send(smaller(curated, generated, tmp_path))
    repo = hub.repos["datasets", REPO]
    assert line["tag"] == "v2" and repo.tags["v2"] == line["commit"] != repo.tags["v1"] and len(repo.log) == 2
    said = repo.log[0].description
    assert "counts pairs" not in said and "rows journey train: 46 -> " in said
    assert "inputs" not in said and "files: 0 added" in said
    assert set(files_of(hub, "v2")) <= set(files_of(hub, "v1"))


def test_a_version_that_drops_most_of_the_rows_asks_first(hub: Any, send: Publish) -> None:
    send()
    repo = hub.repos["datasets", REPO]
    head = dict(repo.at("main").files)
    manifest = Manifest.parse(head["manifest.json"][0], "manifest.json")
    rows = {"journey": {"train": 100 * manifest.counts["rows"]["journey"]["train"]}}
    older = msgspec.structs.replace(manifest, counts={**manifest.counts, "rows": rows}).sealed()
    old = {**head, "manifest.json": (older.encoded(), False)}
    repo.heads["main"] = repo.add(old, "an older version", "", repo.heads["main"])
    before = repo.heads["main"]
    with pytest.raises(UsageError, match=r"would take the place of 4,600[\s\S]*--yes"):
        send()
    assert repo.heads["main"] == before
    asked: list[str] = []

    def agree(words: str) -> bool:
        asked.append(words)
        return True

    send(agreed=agree)
    assert "4,600" in asked[0] and repo.heads["main"] != before


def test_files_that_a_version_lacks_are_removed_and_others_files_stay_untouched(hub: Any, send: Publish) -> None:
    send()
    repo = hub.repos["datasets", REPO]
    head = dict(repo.at("main").files)
    manifest = Manifest.parse(head["manifest.json"][0], "manifest.json")
    listed = {**manifest.files, "journey/train-00007.parquet": ListedFile("0", 1)}
    older = msgspec.structs.replace(manifest, files=listed).sealed()
    extra = {"journey/train-00007.parquet": (b"PAR1", True), "notes/mine.txt": (b"by hand", False)}
    old = {**head, **extra, "manifest.json": (older.encoded(), False)}
    repo.heads["main"] = repo.add(old, "an older version", "", repo.heads["main"])
    line = send()
    assert line["changed"] and "1 removed" in " ".join(line["changes"])
    assert "journey/train-00007.parquet" not in files_of(hub) and files_of(hub)["notes/mine.txt"] == b"by hand"


def test_a_repository_of_somebody_else_is_not_written_over(hub: Any, send: Publish) -> None:
    hub.put("datasets", REPO, {"data.csv": b"1,2"}, private=True)
    with pytest.raises(UsageError, match=r"did not write: .*data.csv"):
        send()
    assert len(hub.repos["datasets", REPO].log) == 1


def test_a_repository_with_only_a_readme_is_taken(hub: Any, send: Publish) -> None:
    hub.put("datasets", REPO, {"README.md": b"soon"}, private=True)
    assert send()["changed"] and files_of(hub)["README.md"].startswith(b"---")


@pytest.mark.parametrize("settings", [{"public": True}, {"gated": "auto"}, {"public": True, "gated": "manual"}])
def test_visibility_is_as_asked_once_it_is_whole(hub: Any, send: Publish, settings: dict[str, Any]) -> None:
    send(**settings)
    repo = hub.repos["datasets", REPO]
    assert repo.private == (not settings.get("public")) and repo.gated == settings.get("gated", False)
    order = [path.rpartition("/")[2] for method, path, _ in hub.requests if method in ("POST", "PUT")]
    assert order.index("settings") > order.index("main")  # after the commit


def test_a_public_repository_is_not_published_to_by_accident(hub: Any, send: Publish) -> None:
    send(public=True)
    with pytest.raises(UsageError, match="is public"):
        send()


def test_a_branch_a_tag_and_a_pull_request(hub: Any, send: Publish) -> None:
    line = send(revision="trial", tag="v0.1-rc")
    repo = hub.repos["datasets", REPO]
    assert repo.heads["trial"] == repo.tags["v0.1-rc"] == line["commit"] and not repo.log
    request = send(create_pr=True)
    assert request["pull_request"].endswith("/discussions/1") and request["tag"] is None
    assert repo.pulls["refs/pr/1"] == request["commit"] and not repo.log and list(repo.tags) == ["v0.1-rc"]


def test_a_tag_that_is_taken_is_refused_before_any_work(hub: Any, send: Publish, tmp_path: Path) -> None:
    send(tag="v1.0")
    assert send(tag="v1.0")["changed"] is False  # the same content: nothing to do
    hub.repos["datasets", REPO].tags["v2.0"] = next(iter(hub.repos["datasets", REPO].commits))
    sent = len(hub.requests)
    with pytest.raises(UsageError, match=r"version 'v2.0' already"):
        send(tag="v2.0")
    assert all(method == "GET" for method, _, _ in hub.requests[sent:])


@pytest.mark.parametrize(
    "name",
    ["math", "tester/", "a/b/c", "tester/x--y", "tester/..", "../../etc", "tester/" + "x" * 96, "te ster/x", "t/x.git"],
)
def test_a_wrong_name_is_refused_before_the_hub_is_asked(hub: Any, send: Publish, name: str) -> None:
    with pytest.raises(UsageError, match="no name on the Hub"):
        send(repo=name)
    assert hub.requests == []


def test_somebody_elses_namespace_is_refused_before_any_work(hub: Any, send: Publish) -> None:
    with pytest.raises(AuthError, match="you are tester, which may not write to other/"):
        send(repo="other/journey-math")
    assert send(repo="lab/journey-math")["repo"] == "lab/journey-math"  # an organisation of one's own


def test_no_login(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(AuthError, match="no login") as error:
        send()
    assert error.value.exit_code == 4 and hub.requests == []


def test_a_token_that_may_only_read(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "r" * 34)
    with pytest.raises(AuthError, match="may only read"):
        send()
    assert not hub.repos


def test_a_bad_token(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "z" * 34)
    with pytest.raises(AuthError, match="401") as error:
        send()
    assert "zzzz" not in str(error.value) and not hub.repos


def test_no_network(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RemoteError, match="cannot be reached") as error:
        send()
    assert error.value.exit_code == 5


def test_offline_is_said(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RemoteError, match="HF_HUB_OFFLINE"):
        send()


# (call, status, how often, error, words): what ends a publication, and leaves nothing half published
FATAL = [
    ("GET", "/api/whoami-v2", 401, 9, AuthError, "401"),
    ("POST", "/repos/create", 403, 9, AuthError, "may not do this"),
    ("POST", "/preupload/", 404, 9, RemoteError, "404"),
    ("POST", "/info/lfs/", 401, 9, AuthError, "401"),
    ("PUT", "/store/", 500, 99, RemoteError, "."),
    ("POST", "/commit/", 403, 9, AuthError, "403"),
    ("POST", "/commit/", 409, 9, RemoteError, "409"),
    ("POST", "/commit/", 412, 9, RemoteError, "412"),
    ("POST", "/commit/", 429, 9, RemoteError, "asks to wait 7 s"),
    ("POST", "/commit/", 500, 9, RemoteError, "500"),
    ("POST", "/commit/", 503, 9, RemoteError, "503"),
    ("POST", "/validate-yaml", 400, 9, RemoteError, "."),
]


@pytest.mark.parametrize("method, path, status, times, kind, words", FATAL, ids=lambda v: str(v).rpartition("/")[2])
def test_a_fault_is_one_message_and_nothing_is_half_published(
    hub: Any, send: Publish, method: str, path: str, status: int, times: int, kind: type[JourneyError], words: str
) -> None:
    hub.fail(method, path, status, times=times, Retry_After="7")
    with pytest.raises(kind, match=words):
        send()
    for repo in hub.repos.values():
        assert repo.private and not repo.log and not repo.tags
    hub.faults.clear()
    line = send()  # the same command goes on
    assert line["changed"] and len(hub.repos["datasets", REPO].log) == 1


@pytest.mark.parametrize("status", [409, 412, 500, 503])
def test_a_passing_fault_on_the_commit_is_tried_again(hub: Any, send: Publish, status: int) -> None:
    hub.fail("POST", "/commit/", status, times=upload.TRIES - 1)
    assert send()["changed"] and len(hub.repos["datasets", REPO].log) == 1


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub: Any, send: Publish) -> None:
    hub.fail("POST", "/commit/", 503, after=True)
    line = send()
    assert len(hub.repos["datasets", REPO].log) == 1 and line["commit"] == hub.repos["datasets", REPO].heads["main"]


def test_somebody_commits_meanwhile(hub: Any, send: Publish) -> None:
    """The commit names the head that it was made for; a file of another hand that came between stays."""
    send()
    repo = hub.repos["datasets", REPO]
    original = upload._send

    def late(*args: Any, **named: Any) -> Any:
        if not any("mine.txt" in name for name in repo.at("main").files):
            repo.heads["main"] = repo.add(
                {**repo.at("main").files, "mine.txt": (b"x", False)}, "by hand", "", repo.heads["main"]
            )
        return original(*args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "_send", late)
        line = send(view="plain")
    assert line["changed"] and files_of(hub)["mine.txt"] == b"x"
    assert len(repo.log) == 3
    tries = [status for method, path, status in hub.requests if method == "POST" and "/commit/" in path]
    assert tries == [200, 412, 200]  # the commit for the old head is refused, and made anew for the new one


def test_large_files_that_arrived_are_not_sent_again(hub: Any, send: Publish) -> None:
    hub.fail("POST", "/commit/", 500, times=99)
    with pytest.raises(RemoteError):
        send()
    arrived = sum(method == "PUT" for method, _, _ in hub.requests)
    assert arrived == len(hub.objects) > 10
    hub.faults.clear()
    hub.requests.clear()
    send()
    assert not any(method == "PUT" and "/store/" in path for method, path, _ in hub.requests)


def test_what_arrived_wrong_is_not_tagged(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    original = upload._send

    def spoiled(*args: Any, **named: Any) -> Any:
        sent = original(*args, **named)
        commit = hub.repos["datasets", REPO].at(sent.commit)
        commit.files["README.md"] = (b"other bytes", False)
        return sent

    monkeypatch.setattr(upload, "_send", spoiled)
    with pytest.raises(RemoteError, match=r"does not hold what was sent: README.md"):
        send()
    assert not hub.repos["datasets", REPO].tags


def test_bytes_that_come_back_wrong_are_noticed(hub: Any, send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's own hashes may be right and the bytes it gives wrong: they are fetched and hashed here."""
    routes = type(hub).answer

    def lying(self: Any, method: str, parts: Any, body: bytes, authorization: str) -> Any:
        given = routes(self, method, parts, body, authorization)
        if "/resolve/" in parts.path and parts.path.endswith("axolotl.yaml"):
            return given[0].replace(b"journey", b"jorneuy"), given[1]
        return given

    monkeypatch.setattr(type(hub), "answer", lying)
    with pytest.raises(RemoteError, match="gives other bytes than were sent for recipes/axolotl.yaml"):
        send()
    assert not hub.repos["datasets", REPO].tags


def test_a_secret_in_the_data_stops_it(hub: Any, send: Publish, staged_once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(staged_once, out)
    text = (out / "bundle" / "recipes" / "trl_sft.yaml").read_bytes()
    change(out / "bundle", {"recipes/trl_sft.yaml": text + b"token: hf_" + b"q" * 34})
    with pytest.raises(UsageError, match=r"(?s)nothing is published.*recipes/trl_sft.yaml: a Hugging Face token"):
        send()
    assert not any(repo.log for repo in hub.repos.values())


def test_a_dry_run_asks_no_hub_and_changes_nothing(hub: Any, curated: Path, tmp_path: Path) -> None:
    (told,) = publish(str(curated), PublishSettings(repo=REPO), out=tmp_path / "o", dry_run=True)
    assert hub.requests == [] and told["bytes"] == sum(told["files"].values()) and told["licence"] == "apache-2.0"
    assert (Path(told["folder"]) / "README.md").is_file() and not (tmp_path / "o" / "published.json").exists()


def test_an_interrupted_upload_says_what_stands(send: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    from journey.publish.transfer import upload

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(upload, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            send()
    assert caught.value.__notes__ == [f"{REPO}: nothing is published; if it was made, it is private and empty"]
    send()
