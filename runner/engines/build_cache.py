"""The cache of datasets, checkpoints and engines, so that later runs reuse the output of earlier ones.

The name of an output directory contains a hash of everything that the output depends on. A marker file,
written last, marks a directory as finished and lists these dependencies. A directory without a marker is
half-written and is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from runner.run.layout import UNREADABLE
from runner.util.files import make_folders, read_file, write_atomically

MARKER = ".trtbench.json"
KEY_LENGTH = 8

Identity = Mapping[str, str]
"""What an output depends on, name -> value: `max_batch_size` -> `16`"""


class FileSystem(Protocol):
    """A file system that stages write to: this machine's, or the inside of a container."""

    def read(self, path: str) -> bytes | None:
        """Return the contents of a file; None when it cannot be read."""

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        """Return name, size and modification time (s) of every entry; None when there is no directory."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file atomically; raises OSError."""

    def make(self, directory: str) -> None:
        """Create a directory and its parents; raises OSError."""

    def remove(self, directory: str) -> None:
        """Remove a directory and its contents; raises OSError."""


class HostFileSystem:
    """The file system of this machine."""

    def read(self, path: str) -> bytes | None:
        try:
            return read_file(path)
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
        make_folders(Path(directory))

    def remove(self, directory: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)


HOST = HostFileSystem()


class CacheLookup(msgspec.Struct, frozen=True):
    """The state of an output in the cache."""

    state: Literal["reuse", "absent", "half-written", "changed"]
    reason: str = ""
    """why it cannot be reused: `max_batch_size 8 -> 16`"""


@dataclass(frozen=True)
class CachedOutput:
    """An output of a stage: its directory, what it depends on, and its state in the cache."""

    folder: str
    identity: dict[str, str]
    found: CacheLookup


def output_dir(work: str, profile: str, what: str, identity: Identity) -> str:
    """Return the directory of an output; its name has the profile, the kind and a hash of the identity."""
    return f"{work.rstrip('/')}/{profile}-{what}-{key(identity)}"


def key(identity: Identity) -> str:
    """Return a short hash of an identity."""
    content = msgspec.json.encode(sorted(identity.items()))
    return hashlib.blake2s(content, digest_size=KEY_LENGTH // 2).hexdigest()


def lookup(output: str, identity: Identity, file_system: FileSystem = HOST) -> CacheLookup:
    """Check whether an output can be reused, and if not, why it must be made."""
    if file_system.files(output) is not None:
        made_of = _marker(output, file_system)
        if made_of is None:
            return CacheLookup("half-written", "an earlier run did not finish it")
        if made_of == dict(identity):
            return CacheLookup("reuse")
        return CacheLookup("changed", describe_changes(made_of, identity))
    newest = _newest_sibling(output, file_system)
    if newest is not None:
        return CacheLookup("changed", describe_changes(newest, identity))
    return CacheLookup("absent")


def prepare(output: str, file_system: FileSystem = HOST) -> None:
    """Remove a half-written or outdated output before it is made, and create its parent directory.

    Raises:
        OSError: it cannot be removed, or its parent cannot be created.
    """
    file_system.make(os.path.dirname(output))
    if file_system.files(output) is not None:
        file_system.remove(output)


def commit(output: str, identity: Identity, file_system: FileSystem = HOST) -> None:
    """Mark an output as finished; write the marker last.

    Raises:
        OSError: the marker cannot be written, so the output will be made again.
    """
    file_system.write(f"{output}/{MARKER}", msgspec.json.format(msgspec.json.encode(dict(identity))) + b"\n")


def describe_changes(old: Identity, new: Identity) -> str:
    """Describe what changed: `max_batch_size 8 -> 16, gemm_plugin not given -> auto`."""
    names = [*new, *(name for name in old if name not in new)]
    changes = [
        f"{name} {old.get(name, 'not given')} -> {new.get(name, 'not given')}"
        for name in names
        if old.get(name) != new.get(name)
    ]
    return ", ".join(changes)


def model_identity(directory: str, file_system: FileSystem = HOST) -> str:
    """Identify the files of a model by count, size and a hash of names, sizes, times and config.json."""
    files = file_system.files(directory)
    if files is None:
        return f"{directory}, not readable"
    content = msgspec.json.encode(files)
    for name in ("config.json", "model.safetensors.index.json"):
        content += file_system.read(f"{directory}/{name}") or b""
    digest = hashlib.blake2s(content, digest_size=4).hexdigest()
    gib = sum(size for _, size, _ in files) / 2**30
    return f"{directory}, {len(files)} files, {gib:.1f} GiB, {digest}"


def _marker(output: str, file_system: FileSystem) -> dict[str, str] | None:
    content = file_system.read(f"{output}/{MARKER}")
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=dict[str, str])
    except UNREADABLE:
        return None


def _newest_sibling(output: str, file_system: FileSystem) -> dict[str, str] | None:
    """Return the identity of the newest finished output of the same profile and kind."""
    parent, name = os.path.split(output)
    stem = name[:-KEY_LENGTH]
    siblings = [
        (changed, sibling)
        for sibling, _, changed in file_system.files(parent) or []
        if sibling.startswith(stem) and len(sibling) == len(name)
    ]
    for _, sibling in sorted(siblings, reverse=True):
        made_of = _marker(f"{parent}/{sibling}", file_system)
        if made_of is not None:
            return made_of
    return None
