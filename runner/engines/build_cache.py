"""Checkpoints and engines that earlier runs made: kept under a name that says what made them, and reused.

An output directory is finished when it holds a marker file, which is written as the last thing and states
everything the output depends on. A directory without a marker is half-written and never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from runner.util.files import write_atomically

MARKER = ".trtbench.json"
KEY_LENGTH = 8

Identity = Mapping[str, str]
"""What an output depends on, as words -> value: `max_batch_size` -> `16`"""


class Place(Protocol):
    """A file system that stages write to: this machine's, or the inside of a container."""

    def read(self, path: str) -> bytes | None:
        """Contents of a file; None when there is none to read."""

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        """Name, size and time of change (s) of everything in a directory; None when there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file so that it is there whole or not at all; raises OSError."""

    def make(self, directory: str) -> None:
        """Make a directory and those above it; raises OSError."""

    def remove(self, directory: str) -> None:
        """Remove a directory with everything in it; raises OSError."""


class Host:
    """The file system of this machine."""

    def read(self, path: str) -> bytes | None:
        try:
            return Path(path).read_bytes()
        except OSError:
            return None

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        try:
            with os.scandir(directory) as entries:
                found = [(entry.name, entry.stat()) for entry in entries]
        except OSError:
            return None
        return sorted((name, status.st_size, int(status.st_mtime)) for name, status in found)

    def write(self, path: str, content: bytes) -> None:
        write_atomically(Path(path), content)

    def make(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)

    def remove(self, directory: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)


HOST = Host()


class Found(msgspec.Struct, frozen=True):
    """What is there of an output."""

    state: Literal["reuse", "absent", "half-written", "changed"]
    reason: str = ""
    """why it cannot be reused, in words: `max_batch_size 8 -> 16`"""


def output_dir(work: str, profile: str, what: str, identity: Identity) -> str:
    """Where an output belongs: its name tells profile, kind, and a key of everything that makes it."""
    return f"{work.rstrip('/')}/{profile}-{what}-{key(identity)}"


def key(identity: Identity) -> str:
    """A short name of an identity, the same whenever nothing in it changed."""
    content = msgspec.json.encode(sorted(identity.items()))
    return hashlib.blake2s(content, digest_size=KEY_LENGTH // 2).hexdigest()


def lookup(output: str, identity: Identity, place: Place = HOST) -> Found:
    """Whether an output can be reused; if not, why it has to be made."""
    if place.files(output) is not None:
        made_of = _marker(output, place)
        if made_of is None:
            return Found("half-written", "an earlier run did not finish it")
        if made_of == dict(identity):
            return Found("reuse")
        return Found("changed", difference(made_of, identity))
    newest = _newest_sibling(output, place)
    if newest is not None:
        return Found("changed", difference(newest, identity))
    return Found("absent")


def prepare(output: str, place: Place = HOST) -> None:
    """Make room for an output that is about to be made: what is half-written or outdated goes.

    Raises:
        OSError: it cannot be removed, or its parent cannot be made.
    """
    place.make(os.path.dirname(output))
    if place.files(output) is not None:
        place.remove(output)


def commit(output: str, identity: Identity, place: Place = HOST) -> None:
    """Mark an output as finished; the last thing that is written into it.

    Raises:
        OSError: the marker cannot be written, so the output will be made again.
    """
    place.write(f"{output}/{MARKER}", msgspec.json.format(msgspec.json.encode(dict(identity))) + b"\n")


def difference(old: Identity, new: Identity) -> str:
    """What changed, in words: `max_batch_size 8 -> 16, gemm_plugin not given -> auto`."""
    names = [*new, *(name for name in old if name not in new)]
    changes = [
        f"{name} {old.get(name, 'not given')} -> {new.get(name, 'not given')}"
        for name in names
        if old.get(name) != new.get(name)
    ]
    return ", ".join(changes)


def model_identity(directory: str, place: Place = HOST) -> str:
    """What identifies the files of a model: count, size, a hash of names, sizes, times and config.json."""
    files = place.files(directory)
    if files is None:
        return f"{directory}, not readable"
    content = msgspec.json.encode(files)
    for name in ("config.json", "model.safetensors.index.json"):
        content += place.read(f"{directory}/{name}") or b""
    digest = hashlib.blake2s(content, digest_size=4).hexdigest()
    gib = sum(size for _, size, _ in files) / 2**30
    return f"{directory}, {len(files)} files, {gib:.1f} GiB, {digest}"


def _marker(output: str, place: Place) -> dict[str, str] | None:
    content = place.read(f"{output}/{MARKER}")
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=dict[str, str])
    except msgspec.DecodeError:
        return None


def _newest_sibling(output: str, place: Place) -> dict[str, str] | None:
    """What made the newest finished output of the same profile and kind."""
    parent, name = os.path.split(output)
    stem = name[:-KEY_LENGTH]
    siblings = [
        (changed, sibling)
        for sibling, _, changed in place.files(parent) or []
        if sibling.startswith(stem) and len(sibling) == len(name)
    ]
    for _, sibling in sorted(siblings, reverse=True):
        made_of = _marker(f"{parent}/{sibling}", place)
        if made_of is not None:
            return made_of
    return None
