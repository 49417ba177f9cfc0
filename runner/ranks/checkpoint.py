"""The weights in a Hugging Face folder: its files and tensors, and whether a decoder can use them.

Standard library only: planning and `doctor` use it, too. `runner.ranks.loading` reads the numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.ranks.errors import CheckpointError
from runner.ranks.safetensors_header import StoredTensor, read_header, shown
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import all_parts

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
DTYPES = ("F32", "F16", "BF16")
"""types of numbers that are loaded"""
SAMPLE = 4096
"""bytes at the beginning of each tensor that are part of the fingerprint"""
_MOST_INDEX = 16 << 20
_NOT_READ = ("rotary_emb.inv_freq",)
"""ends of the names of tensors that older checkpoints have, and that follow from the shape"""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a folder by name."""

    folder: Path
    tensors: dict[str, StoredTensor]

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The types of the numbers, each once, sorted."""
        return tuple(sorted({tensor.dtype for tensor in self.tensors.values()}))


def open_checkpoint(folder: Path, shape: DecoderShape) -> Checkpoint:
    """Read the headers of the files of a folder, and check that they hold a decoder of a shape.

    Raises:
        CheckpointError: a file or tensor is missing, damaged, of another shape, or not one of the decoder.
    """
    tensors = {name: tensor for name, tensor in _stored(folder).items() if not name.endswith(_NOT_READ)}
    if shape.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)  # a copy of the embedding that some checkpoints have
    _check(folder, tensors, shape)
    return Checkpoint(folder, tensors)


def fingerprint(checkpoint: Checkpoint) -> str:
    """Return a short identity of the weights: 16 hexadecimal digits.

    The SHA-256 of name, type, shape and the first `SAMPLE` bytes of each tensor: the same for every
    distribution over files. It does not read all weights, so a change further back remains unnoticed.

    Raises:
        CheckpointError: a file cannot be read.
    """
    digest = hashlib.sha256()
    files: dict[Path, int] = {}
    try:
        for name, tensor in sorted(checkpoint.tensors.items()):
            if tensor.path not in files:
                files[tensor.path] = os.open(tensor.path, os.O_RDONLY | os.O_CLOEXEC)
            sample = os.pread(files[tensor.path], min(SAMPLE, tensor.nbytes), tensor.offset)
            digest.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0{len(sample)}\0".encode())
            digest.update(sample)
    except OSError as error:
        raise CheckpointError(f"cannot read the weights in {checkpoint.folder}: {error.strerror}") from None
    finally:
        for descriptor in files.values():
            os.close(descriptor)
    return digest.hexdigest()[:16]


def _stored(folder: Path) -> dict[str, StoredTensor]:
    """Return all tensors of the one file, or of the files in the index."""
    if (folder / SINGLE).exists():
        return read_header(folder / SINGLE)
    if not (folder / INDEX).exists():
        raise CheckpointError(f"{folder} has neither {SINGLE} nor {INDEX}; save the model as safetensors")
    places = _index(folder / INDEX)
    headers = {file: read_header(folder / file) for file in sorted(set(places.values()))}
    absent = [name for name, file in places.items() if name not in headers[file]]
    if absent:
        raise CheckpointError(
            f"{folder / places[absent[0]]}: tensor {_names(absent)} missing, which {INDEX} says is there"
        )
    return {name: headers[file][name] for name, file in places.items()}


def _index(path: Path) -> dict[str, str]:
    """Return the file of each tensor; only names of files in the same folder are accepted."""
    try:
        with open(path, "rb") as file:
            content: Any = json.loads(file.read(_MOST_INDEX))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from None
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{path} has no weight_map with the file of each tensor")
    for name, file in places.items():
        if not isinstance(file, str) or not _is_plain(file):
            raise CheckpointError(
                f"{path}: {shown(file)} for {shown(name)} is not a .safetensors file of the folder"
            )
    return places


def _is_plain(file: str) -> bool:
    return file.endswith(".safetensors") and file.isprintable() and os.path.basename(file) == file


def _check(folder: Path, tensors: dict[str, StoredTensor], shape: DecoderShape) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise CheckpointError(
                f"{tensor.path}: tensor {shown(name)} has type {tensor.dtype}, so the checkpoint is"
                f" quantised; allowed: {', '.join(DTYPES)}"
            )
    wanted = {part.name: part.size for part in all_parts(shape)}
    absent = [name for name in wanted if name not in tensors]
    if absent:
        raise CheckpointError(f"{folder}: tensor {_names(absent)} missing, which config.json calls for")
    for name, size in wanted.items():
        if tensors[name].shape != size:
            raise CheckpointError(
                f"{tensors[name].path}: tensor {name} has the shape {list(tensors[name].shape)},"
                f" and config.json calls for {list(size)}"
            )
    unknown = [name for name in tensors if name not in wanted]
    if unknown:
        raise CheckpointError(
            f"{folder}: tensor {_names(unknown)} not part of a decoder that the torch engine implements"
        )


def _names(names: Collection[str]) -> str:
    """Return the first of several names as the subject of `is` or `are`: `a (and 2 more) are`."""
    first = shown(next(iter(names)))
    return f"{first} is" if len(names) == 1 else f"{first} (and {len(names) - 1} more) are"
