"""What the loopback Hub answers to each call of the client libraries."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, unquote

from journey_testing.loopback import API, GIT, LARGE, WHEN, Call, Refusal, entry, git_id, route


@route("GET", "/api/whoami-v2")
def whoami(call: Call) -> Any:
    if call.account is None:
        raise Refusal(401, "", "Invalid username or password.")
    token = {"role": call.account.get("role", "write"), "displayName": "test"}
    orgs = [{"name": name} for name in call.account.get("orgs", [])]
    return {"type": "user", "name": call.account["name"], "orgs": orgs, "auth": {"accessToken": token}}


@route("POST", "/api/repos/create")
def create(call: Call) -> Any:
    asked = call.json()
    owner = asked.get("organization") or (call.account or {}).get("name", "")
    id_, kind = f"{owner}/{asked['name']}", asked.get("type", "model") + "s"
    call.must_write(id_)
    url = f"{call.hub.url}/{'' if kind == 'models' else kind + '/'}{id_}"
    if (kind, id_) in call.hub.repos:
        raise Refusal(409, "", json.dumps({"error": "You already created this repo", "url": url}))
    call.hub.make(kind, id_, private=asked.get("visibility") == "private" or asked.get("private", False))
    return {"url": url, "name": id_, "id": "0"}


@route("POST", "/api/validate-yaml")
def validate(call: Call) -> Any:
    import yaml

    text = call.json()["content"]
    try:
        yaml.safe_load(text.split("---")[1] if text.startswith("---") else "")
    except yaml.YAMLError as error:
        raise Refusal(400, "", json.dumps({"errors": [{"message": str(error)}], "warnings": []})) from None
    return {"errors": [], "warnings": []}


@route("GET", API + r"(?:/revision/(?P<rev>[^/]+))?")
def info(call: Call) -> Any:
    repo = call.repo
    commit = repo.at(call.found["rev"] or "main")
    card = _card(commit.files.get("README.md", (b"", False))[0])
    return {
        "id": repo.id, "_id": repo.id, "author": repo.id.partition("/")[0], "sha": commit.oid, "private": repo.private,
        "gated": repo.gated, "disabled": False, "lastModified": WHEN, "createdAt": WHEN, "downloads": 0, "likes": 0,
        "tags": [], "cardData": card, "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }  # fmt: skip


def _card(readme: bytes) -> dict[str, Any]:
    import yaml

    text = readme.decode()
    return yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}


@route("GET", API + r"/auth-check(?P<write>/write)?")
def auth_check(call: Call) -> Any:
    if call.found["write"]:
        call.must_write(call.repo.id)
    return {"ok": bool(call.repo)}


@route("POST", API + r"/preupload/(?P<rev>[^/]+)")
def preupload(call: Call) -> Any:
    files, told = call.repo.at(call.found["rev"]).files, []
    for asked in call.json()["files"]:
        large = bool(LARGE.search(asked["path"])) or asked["size"] > 10 << 20
        one = {"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if asked["path"] in files:
            data, was_large = files[asked["path"]]
            one["oid"] = hashlib.sha256(data).hexdigest() if was_large else git_id(data)
        told.append(one)
    return {"files": told}


@route("POST", GIT + r"\.git/info/lfs/objects/batch")
def lfs_batch(call: Call) -> Any:
    call.must_write(call.found["id"])
    told = []
    for asked in call.json()["objects"]:
        one: dict[str, Any] = {**asked, "authenticated": True}
        if asked["oid"] not in call.hub.objects:
            one["actions"] = {
                "upload": {"href": f"{call.hub.url}/store/{asked['oid']}", "header": {}},
                "verify": {"href": f"{call.hub.url}/store-check", "header": {}},
            }
        told.append(one)
    return {"transfer": "basic", "objects": told}


@route("PUT", r"/store/(?P<oid>[0-9a-f]{64})")
def store(call: Call) -> Any:
    if hashlib.sha256(call.body).hexdigest() != call.found["oid"]:
        raise Refusal(400, "", "sha256 mismatch")
    call.hub.objects[call.found["oid"]] = call.body
    return {}


@route("POST", "/store-check")
def store_check(call: Call) -> Any:
    asked = call.json()
    if len(call.hub.objects.get(asked["oid"], b"")) != asked["size"]:
        raise Refusal(404, "", "the object did not arrive")
    return {}


@route("POST", API + r"/commit/(?P<rev>[^/]+)")
def commit(call: Call) -> Any:
    repo, asks = call.repo, "create_pr" in call.query
    if not asks:
        call.must_write(repo.id)
    head = repo.at(call.found["rev"])
    files, title, description = dict(head.files), "", ""
    for operation in map(json.loads, filter(None, call.body.splitlines())):
        value = operation["value"]
        match operation["key"]:
            case "header":
                title, description = value["summary"], value.get("description", "")
                if value.get("parentCommit") not in (None, head.oid):
                    raise Refusal(412, "", "A commit has happened since. Please refresh and try again.")
            case "file":
                files[value["path"]] = (base64.b64decode(value["content"]), False)
            case "lfsFile":
                if value["oid"] not in call.hub.objects:
                    raise Refusal(400, "", f"large file {value['oid']} was not uploaded")
                files[value["path"]] = (call.hub.objects[value["oid"]], True)
            case "deletedFile":
                if files.pop(value["path"], None) is None:
                    raise Refusal(404, "EntryNotFound", "A file with this name doesn't exist")
            case other:
                raise Refusal(501, "", f"unknown operation {other}")
    oid = repo.add(files, title, description, head.oid)
    told = {"success": True, "commitOid": oid, "commitUrl": f"{call.hub.url}/{repo.id}/commit/{oid}", "hookOutput": ""}
    if not asks:
        repo.heads[unquote(call.found["rev"])] = oid
        return told
    number = len(repo.pulls) + 1
    repo.pulls[f"refs/pr/{number}"] = oid
    page = f"{call.hub.url}/{'datasets/' if repo.kind == 'datasets' else ''}{repo.id}/discussions/{number}"
    return {**told, "pullRequestUrl": page}


@route("GET", API + r"/tree/(?P<rev>[^/]+)(?:/(?P<path>.*))?")
def tree(call: Call) -> Any:
    files = call.repo.at(call.found["rev"]).files
    inside = unquote(call.found["path"] or "").strip("/")
    inside += "/" if inside else ""
    deep = call.query.get("recursive", ["false"])[0].lower() in ("true", "1")
    told, folders = [], set()
    for path in sorted(files):
        if not path.startswith(inside):
            continue
        parts = path[len(inside) :].split("/")
        for depth in range(1, len(parts)):
            folder = inside + "/".join(parts[:depth])
            if folder not in folders and (deep or depth == 1):
                folders.add(folder)
                told.append({"type": "directory", "path": folder, "size": 0, "oid": git_id(folder.encode())})
        if deep or len(parts) == 1:
            told.append(entry(path, *files[path]))
    if inside and not told:
        raise Refusal(404, "EntryNotFound", f"{inside} does not exist")
    return told


@route("POST", API + r"/paths-info/(?P<rev>[^/]+)")
def paths_info(call: Call) -> Any:
    files, text = call.repo.at(call.found["rev"]).files, call.body.decode()
    asked = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
    return [entry(path, *files[path]) for path in asked if path in files]


@route("GET", API + "/refs")
def refs(call: Call) -> Any:
    repo = call.repo
    told = {
        key: [{"name": name, "ref": f"refs/{place}/{name}", "targetCommit": oid} for name, oid in of.items()]
        for key, place, of in (("branches", "heads", repo.heads), ("tags", "tags", repo.tags))
    }
    return {**told, "converts": []}


@route("POST", API + r"/branch/(?P<name>[^/]+)")
def branch(call: Call) -> Any:
    call.must_write(call.repo.id)
    return _name(call, call.repo.heads, unquote(call.found["name"]), call.json().get("startingPoint", "main"))


@route("POST", API + r"/tag/(?P<rev>[^/]+)")
def tag(call: Call) -> Any:
    call.must_write(call.repo.id)
    return _name(call, call.repo.tags, call.json()["tag"], call.found["rev"])


def _name(call: Call, names: dict[str, str], name: str, revision: str) -> Any:
    if name in names:
        raise Refusal(409, "", "Reference already exists")
    names[name] = call.repo.at(revision).oid
    return {}


@route("PUT", API + "/settings")
def settings(call: Call) -> Any:
    repo, asked = call.repo, call.json()
    call.must_write(repo.id)
    repo.gated = asked.get("gated", repo.gated)
    if "visibility" in asked or "private" in asked:
        repo.private = asked.get("visibility") == "private" or bool(asked.get("private", False))
    return asked


@route("GET", GIT + r"/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
def resolve(call: Call) -> Any:
    commit = call.repo.at(call.found["rev"])
    found = commit.files.get(unquote(call.found["path"]))
    if found is None:
        raise Refusal(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit.oid)
    data, large = found
    mark = hashlib.sha256(data).hexdigest() if large else git_id(data)
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{mark}"', "Accept-Ranges": "bytes"}
    if large:
        headers |= {"X-Linked-Etag": f'"{mark}"', "X-Linked-Size": str(len(data))}
    return data, headers
