"""What an error of a file means to the user: one message and one exit code, whichever verb met it.

    missing, not readable, a folder instead of a file, read-only place      UsageError, 2
    cut, not UTF-8, not what its name says                                  PartialError, 3
    no room, a device that fails                                            ResourceError, 6
    connection lost                                                         RemoteError, 5

Most places name the file and say more; this is for all the others, so that no fault of a file ends in a traceback.
"""

from __future__ import annotations

import errno
import json
import zlib

from journey.errors import JourneyError, PartialError, RemoteError, ResourceError, UsageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENODEV}
# By name: importing these libraries takes seconds, and who met their errors has imported them.
_DAMAGED = {
    "jsonlines.jsonlines.InvalidLineError",
    "msgspec.DecodeError",
    "msgspec.ValidationError",
    "pyarrow.lib.ArrowInvalid",
    "safetensors_rust.SafetensorError",
    "safetensors.SafetensorError",
    "orjson.JSONDecodeError",
    "zipfile.BadZipFile",
    "gzip.BadGzipFile",
}


def meaning(error: BaseException) -> JourneyError | None:
    """The error of ours that an error of a file stands for, or None if it is none of a file."""
    if isinstance(error, ConnectionError | TimeoutError):
        return RemoteError(f"the connection failed: {error}\n  run the same command again")
    if isinstance(error, OSError):
        return _of_system(error)
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    if isinstance(error, UnicodeDecodeError):
        return PartialError(f"a file is not text in UTF-8: {error.reason} at byte {error.start}{_AGAIN}")
    if isinstance(error, json.JSONDecodeError | EOFError | zlib.error) or kinds & _DAMAGED:
        line = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        return PartialError(f"a file is damaged: {line}{_AGAIN}")
    return None


_AGAIN = "\n  rerun the command that wrote it, or set JOURNEY_TRACEBACK=1 and run again to see where"


def _of_system(error: OSError) -> JourneyError | None:
    name = error.filename if error.filename is not None else error.filename2
    said = error.strerror or str(error)
    if error.errno in _FULL:
        return ResourceError(f"{said}{f': {name}' if name else ''}\n  make room, then run the same command again")
    if name is None:
        return None
    if error.errno == errno.EROFS or isinstance(error, PermissionError):
        return UsageError(f"{name}: {said}", "give a place that may be read and written, e.g. another --out")
    return UsageError(f"{name}: {said}", "check the path")
