"""The scan before an upload: every staged file is searched for secrets, paths of this machine and pickles.

Parquet is looked through as text, column by column and row group by row group, because its pages are compressed. All
markers are searched for in one pass first (RE2, through Arrow), and only what holds one is matched against the patterns.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from journey import hub
from journey.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

_BLOCK = 1 << 22
_OVERLAP = 512  # bytes that blocks share, so that nothing hides on a border
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")
_FOLDERS = "home root Users tmp mnt scratch workspace work private var opt srv media data run usr".split()
_MINE = "a path of this machine"

# (what, marker to look for first, pattern): markers are rare in ordinary text, so that most of it is never matched
_PATTERNS: tuple[tuple[str, bytes, re.Pattern[bytes]], ...] = tuple(
    (what, marker, re.compile(pattern))
    for what, marker, pattern in (
        ("a Hugging Face token", b"hf_", rb"\bhf_[A-Za-z0-9]{30,}\b"),
        ("an API key", b"sk-", rb"\bsk-[A-Za-z0-9_-]{20,}"),
        *(("a GitHub token", b"gh%c_" % kind, rb"\bgh[pousr]_[A-Za-z0-9]{30,}\b") for kind in b"pousr"),
        ("a GitHub token", b"github_pat_", rb"\bgithub_pat_\w{30,}"),
        ("an AWS key", b"AKIA", rb"\bAKIA[0-9A-Z]{16}\b"),
        ("a Google key", b"AIza", rb"\bAIza[\w-]{35}"),
        ("a Slack token", b"xox", rb"\bxox[abprs]-[\w-]{10,}"),
        ("a private key", b"PRIVATE KEY", rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("a password in an address", b"://", rb"://[^\s/:@\"'<>]{1,64}:[^\s/:@\"'<>]{3,64}@[\w.-]+"),
        (_MINE, b"file:///", rb"file:///\w"),
        *((_MINE, b":\\%b" % name, rb"\b[A-Za-z]:\\{1,2}%b\\" % name) for name in (b"Users", b"home", b"Documents")),
        *((_MINE, b":\\\\%b" % name, rb"\b[A-Za-z]:\\{1,2}%b\\" % name) for name in (b"Users", b"home", b"Documents")),
        *(
            (_MINE, b"/%b/" % name.encode(), rb"(?<![\w./:@<>\\-])/%b/[\w.@+-]{2,}" % name.encode())
            for name in _FOLDERS
        ),
    )
)


@dataclass(frozen=True)
class Finding:
    """Something that must not go up, and where."""

    file: str
    what: str
    shown: str


def check(files: Iterable[tuple[str, Path]], *, own: Iterable[str] = ()) -> int:
    """Look through staged files (name, path) and return how many there were.

    `own` are texts of this machine that must not appear (folders, the token). Raises UsageError naming file and place,
    never the secret itself.
    """
    literal = sorted({text for text in [*own, *machine(), *hub.secrets()] if len(text) > 5})
    findings, count = [], 0
    for name, path in files:
        count += 1
        findings += list(scan_file(name, path, literal))
        if len(findings) > 20:
            break
    if findings:
        listed = "\n    ".join(f"{finding.file}: {finding.what}, {finding.shown}" for finding in findings[:8])
        raise UsageError(
            f"nothing is published: {len(findings)} places must not leave this machine\n    {listed}",
            "take them out of the source (problem texts, names of bases and benchmarks) and make the folder again",
        )
    return count


def machine() -> list[str]:
    """Folders of this machine, wherever they lie."""
    folders = [Path.home(), Path.cwd(), Path(tempfile.gettempdir()), Path(__file__).resolve().parents[2]]
    return [str(path) for path in folders if len(path.parts) > 2]


def scan_file(name: str, path: Path, literal: Iterable[str] = ()) -> Iterator[Finding]:
    """What one file holds that must not go up."""
    if path.is_symlink():
        yield Finding(name, "a link", "only plain files are published")
        return
    if path.suffix.lower() in _PICKLES or _is_pickle(path):
        yield Finding(name, "a pickle or an array file", "it can run code when it is loaded")
        return
    wanted = [text.encode() for text in literal]
    markers = dict.fromkeys([*wanted, *(marker for _, marker, _ in _PATTERNS)])
    any_marker = "|".join(re.escape(marker.decode()) for marker in markers)
    seen: set[tuple[str, str]] = set()
    for where, text in _texts(path):
        for block in _marked(text, any_marker):
            for what, shown in _search(block, wanted):
                if (what, shown) not in seen:
                    seen.add((what, shown))
                    yield Finding(name, what, f"{where}: {shown}")


def _marked(text: pyarrow.Array, any_marker: str) -> list[bytes]:
    """The strings of an array that hold a marker: one pass of RE2 over all of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    marked = pc.filter(text, pc.match_substring_regex(text, any_marker))
    return [value for value in marked.cast(pa.large_binary()).to_pylist() if value is not None]


def _search(block: bytes, literal: list[bytes]) -> Iterator[tuple[str, str]]:
    for wanted in literal:
        if wanted in block:
            shown = wanted.decode()
            yield (_MINE, shown) if shown.startswith("/") else ("a secret of this machine", "***")
    for what, marker, pattern in _PATTERNS:
        if marker in block:
            match = pattern.search(block)
            if match:
                text = match.group().decode("utf-8", "replace")
                yield what, text[:80] if "path" in what else f"{text[:6]}..."


def _texts(path: Path) -> Iterator[tuple[str, pyarrow.Array]]:
    """(place, array of strings or bytes) of a file, in pieces that fit in memory."""
    import pyarrow as pa

    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        yield from _columns(path)
        return
    if path.suffix == ".safetensors":
        yield "header", pa.array([_safetensors_header(path)], pa.binary())
        return
    with path.open("rb") as file:
        kept, offset = b"", 0
        while block := file.read(_BLOCK):
            yield f"byte {offset}", pa.array([kept + block], pa.binary())
            kept, offset = block[-_OVERLAP:], offset + len(block)


def _safetensors_header(path: Path) -> bytes:
    """The JSON header; what follows are numbers. Raises UsageError if the file is no safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if 0 < length < 100_000_000 else b""
    if not header.startswith(b"{"):
        raise UsageError(f"{path.name} is no safetensors file", "make the adapter again")
    return header


def _columns(path: Path) -> Iterator[tuple[str, pyarrow.Array]]:
    """The text of a parquet file: its metadata, and the strings of every column in every row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        extra = file.schema_arrow.metadata or {}
        yield "metadata", pa.array([*extra.keys(), *extra.values(), str(file.schema_arrow).encode()], pa.binary())
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for name in table.column_names:
                for chunk in table.column(name).chunks:
                    for strings in _strings(chunk):
                        yield f"column {name}", strings


def _strings(array: pyarrow.Array) -> Iterator[pyarrow.Array]:
    """Every array of strings inside an Arrow array, however deep."""
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        yield from _strings(array.dictionary)
    elif isinstance(array, pa.StringArray | pa.LargeStringArray | pa.BinaryArray | pa.LargeBinaryArray):
        yield array
    elif isinstance(array, pa.ListArray | pa.LargeListArray | pa.MapArray):
        yield from _strings(array.values)
    elif isinstance(array, pa.StructArray):
        for field in array.type:
            yield from _strings(array.field(field.name))


def _is_pickle(path: Path) -> bool:
    """By content: a pickle of protocol 2 and up, or the zip archive that torch.save writes."""
    with path.open("rb") as file:
        start = file.read(64)
    return start[:2] in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"} or (
        start.startswith(b"PK\x03\x04") and b"data.pkl" in start
    )
