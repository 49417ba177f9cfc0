"""Short digests of the files of a model, checkpoint or engine, quick enough for files of many GB.

Of `config.json` and `*.index.json` everything is hashed; of `rank*.engine` the first and the last MiB; of
other weight files nothing: only their size is compared.
"""

from __future__ import annotations

import hashlib
import os
from fnmatch import fnmatch

EDGE = 1 << 20
"""bytes at both ends of an engine file that are hashed"""
_WHOLE = ("config.json", "*.index.json")
_EDGES = ("rank*.engine",)
_SIZE = ("*.safetensors", "*.bin", "*.pt", "*.engine")
_MOST_WHOLE = 64 << 20
_MOST_FILES = 256


def digest_files(folder: str) -> dict[str, str] | None:
    """Return size and digest of the files of a folder that matter, by name; None: there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    except OSError:
        return None
    found = {
        name: _digest(f"{folder}/{name}", size) for name, size in sorted(sizes.items()) if _matters(name)
    }
    if len(found) <= _MOST_FILES:
        return found
    text = "\n".join(f"{name} {digest}" for name, digest in found.items())
    return {f"{len(found)} files": hashlib.sha256(text.encode()).hexdigest()[:12]}


def _matters(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in (*_WHOLE, *_EDGES, *_SIZE))


def _digest(path: str, size: int) -> str:
    name = os.path.basename(path)
    is_whole = any(fnmatch(name, pattern) for pattern in _WHOLE)
    if not is_whole and not any(fnmatch(name, pattern) for pattern in _EDGES):
        return f"{size} bytes"
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_WHOLE if is_whole else EDGE)
            if not is_whole and size > EDGE:
                file.seek(max(EDGE, size - EDGE))
                content += file.read(EDGE)
    except OSError as error:
        return f"{size} bytes, not readable: {error.strerror}"
    return f"{size} bytes, {hashlib.sha256(content).hexdigest()[:12]}"
