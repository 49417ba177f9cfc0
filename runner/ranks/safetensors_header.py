"""The header of a safetensors file, checked before anything in it is used.

Eight bytes with the length of the header (little-endian), the header as JSON, then the data; the header has
type, shape and place of each tensor (https://github.com/huggingface/safetensors#format). Standard library
only: planning and `doctor` use it, too.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from runner.ranks.errors import CheckpointError

BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4,
    "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
}  # fmt: skip
"""bytes of a number by its type"""
MOST_HEADER = 8 << 20
"""Bytes of a header that are read; the supported models have at most some hundred thousand."""
MOST_DIMENSIONS = 8
_LENGTH = 8
_METADATA = "__metadata__"


class StoredTensor(NamedTuple):
    """A tensor in a file."""

    path: Path
    dtype: str
    """a key of `BYTES`"""
    shape: tuple[int, ...]
    offset: int
    """of its first byte in the file"""

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * BYTES[self.dtype]


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a file by name; their bytes are certain to be inside the file.

    Raises:
        CheckpointError: the file cannot be read, is truncated, or is not a safetensors file.
    """
    try:
        # Opening a pipe would wait for its other end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CheckpointError(f"{path} is not a file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(_LENGTH), "little")
            if size < _LENGTH or length > size - _LENGTH:
                raise CheckpointError(
                    f"{path} is truncated or not a safetensors file: it has {size} bytes, and its header"
                    f" would need {_LENGTH + length}"
                )
            if length > MOST_HEADER:
                raise CheckpointError(
                    f"{path}: its header of {length} bytes is larger than that of any supported model"
                    f" ({MOST_HEADER})"
                )
            header = file.read(length)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    return _parse(header, path, size)


def _parse(header: bytes, path: Path, size: int) -> dict[str, StoredTensor]:
    try:
        entries = json.loads(header, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: its header is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise CheckpointError(f"{path} is not a safetensors file: its header is not a JSON object")
    start = _LENGTH + len(header)
    entries.pop(_METADATA, None)
    return {name: _tensor(name, entry, path, start, size) for name, entry in entries.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _tensor(name: str, entry: Any, path: Path, start: int, size: int) -> StoredTensor:
    """Return an entry of the header; the data begins at `start` of the `size` bytes of the file."""
    problem = f"{path} is not a safetensors file: the header entry of {shown(name)}"
    if not isinstance(entry, dict):
        raise CheckpointError(f"{problem} is not an object")
    dtype, shape, place = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise CheckpointError(f"{problem} has an unknown dtype {shown(dtype)}")
    if not _are_sizes(shape) or len(shape) > MOST_DIMENSIONS:
        raise CheckpointError(f"{problem} has a shape {shown(shape)}")
    if not _are_sizes(place) or len(place) != 2:
        raise CheckpointError(f"{problem} has data_offsets {shown(place)}")
    found = StoredTensor(path, dtype, tuple(shape), start + place[0])
    if place[1] - place[0] != found.nbytes:
        raise CheckpointError(
            f"{problem} has {place[1] - place[0]} bytes of data, and its shape needs {found.nbytes}"
        )
    if start + place[1] > size:
        raise CheckpointError(
            f"{path} is truncated: it has {size} bytes, and {shown(name)} ends at {start + place[1]}"
        )
    return found


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    # A bool is an int, too.
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def shown(value: Any) -> str:
    """Return a value of a file for a message: one line of printable characters, shortened."""
    text = value if isinstance(value, str) and value.isprintable() else ascii(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
