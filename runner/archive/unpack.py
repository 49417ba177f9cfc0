"""Unpack an archive into a run of the history; the content of the archive is not trusted."""

from __future__ import annotations

import contextlib
import hashlib
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from runner.archive import publish
from runner.archive.manifest import (
    CHUNK_BYTES,
    LOCAL_FILES,
    LOGGED_FOLDERS,
    MANIFEST,
    Manifest,
    describe_file,
    is_portable,
)
from runner.engines.check import Check
from runner.history import labels, verification
from runner.report.files import read_summary
from runner.run import layout
from runner.state.run import ENDED_STATUSES
from runner.util import paths
from runner.util.disk import free_bytes
from runner.util.errors import UserError
from runner.util.files import make_folders, open_new

MAX_FILES = 10_000
MAX_MANIFEST = 200 * MAX_FILES
"""bytes"""
STREAMED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that Python decompresses with bounded memory."""
SMALL_BYTES = 1 << 30
"""Up to this size, any compression ratio is allowed."""
MAX_RATIO = 100
"""Above `SMALL_BYTES`, an archive with a higher compression ratio is refused as a zip bomb."""
MIN_FREE_AFTER = 256 << 20
"""bytes that must stay free on the disk"""


def is_archive(path: Path) -> bool:
    """Check whether a regular file starts like a zip; reading from a pipe would consume its content."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


class UnpackedRun(NamedTuple):
    """A run of the history that came from an archive."""

    run_dir: Path
    run: str
    """id on the machine that packed it; `run_dir` has another one if that id was taken"""
    new: bool
    """False: the run already was in the history, and nothing was written"""


def unpack_archive(path: Path, *, again: bool = False) -> UnpackedRun:
    """Add the run of an archive to the history; with `again`, also if it is already there.

    Raises:
        UserError: the file is not an archive of a run, is damaged or malicious, or does not fit on the disk.
    """
    with _opened(path) as (archive, folder):
        manifest, entries = _read_manifest(path, archive)
        is_same = None if again else _same_log(manifest)
        existing = publish.find_existing(is_same, manifest.run) if is_same is not None else None
        if existing is not None:
            return UnpackedRun(existing, manifest.run, new=False)
        staged = folder / "run"
        _stage(path, archive, manifest, entries, staged)
        # Another process may have added the same run since.
        run_dir, new = publish.publish_once(staged, manifest.run, is_same, manifest.label)
        return UnpackedRun(run_dir, manifest.run, new)


def verify_archive(path: Path) -> list[Check]:
    """Check an archive and the run in it; it is unpacked, and removed again."""
    try:
        with _opened(path) as (archive, folder):
            manifest, entries = _read_manifest(path, archive)
            staged = folder / manifest.run
            _stage(path, archive, manifest, entries, staged)
            text = f"{len(manifest.files)} files, each with its checksum"
            return [Check("archive", "pass", text), *verification.checks(staged)]
    except UserError as error:
        return [Check("archive", "fail", str(error.args[0]), error.hint)]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Path]]:
    """Open an archive, with a directory to unpack it into.

    Raises:
        UserError: it is damaged, or something in the block cannot be written.
    """
    try:
        with zipfile.ZipFile(path) as archive, publish.staging_dir() as folder:
            yield archive, folder
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{path}: the archive is damaged or not a zip file: {error}", hint=_COPY_AGAIN
        ) from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be unpacked into {paths.runs_dir()}: {error.strerror or error}"
        ) from None


def _stage(
    path: Path, archive: zipfile.ZipFile, manifest: Manifest, entries: dict[str, zipfile.ZipInfo], into: Path
) -> None:
    """Unpack a run and check that it has ended."""
    _check_space(path, manifest, paths.runs_dir())
    _extract(path, archive, manifest, entries, into)
    _check_ended(path, into)


_COPY_AGAIN = "copy it again from the machine that made it, and compare the sizes"


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    """Return the manifest and the entries by name, after all checks that are possible before unpacking."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    if MANIFEST not in entries:
        raise UserError(f"{path}: not an archive of a run: it has no {MANIFEST}", hint=_HOW_TO_MAKE)
    if len(archive.infolist()) > MAX_FILES or entries[MANIFEST].file_size > MAX_MANIFEST:
        raise UserError(f"{path}: more than {MAX_FILES} files; no run has that many")
    for entry in archive.infolist():
        if entry.compress_type not in STREAMED_METHODS:
            raise UserError(f"{path}: {entry.filename} has a compression method that `archive` never uses")
    try:
        with archive.open(MANIFEST) as packed:
            manifest = msgspec.json.decode(packed.read(MAX_MANIFEST), type=Manifest)
    except layout.UNREADABLE as error:
        raise UserError(f"{path}: this version cannot read {MANIFEST}: {error}", hint=_HOW_TO_MAKE) from None
    if not layout.RUN_ID.fullmatch(manifest.run):
        raise UserError(f"{path}: {manifest.run!r} is not the id of a run")
    if unfit := labels.label_problem(manifest.label):
        raise UserError(f"{path}: the name, tags or note in {MANIFEST} are not valid: {unfit}")
    for name in manifest.files:
        _refuse_unsafe(path, name)
    extra = entries.keys() - manifest.files.keys() - {MANIFEST}
    missing = manifest.files.keys() - entries.keys()
    if extra or missing or len(entries) != len(archive.infolist()):
        named = min(extra or missing or {"a duplicate name"})
        raise UserError(f"{path}: the files of the archive do not match its {MANIFEST}: {named}")
    for name, file in manifest.files.items():
        kind = stat.S_IFMT(entries[name].external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise UserError(f"{path}: {name} is a link or a device, which a run never contains")
        if entries[name].file_size != file.size:
            raise UserError(f"{path}: the size of {name} does not match {MANIFEST}", hint=_COPY_AGAIN)
    return manifest, entries


_HOW_TO_MAKE = "`trtbench-tui archive RUN` makes an archive; results are imported as text, CSV or JSON"


def _refuse_unsafe(path: Path, name: str) -> None:
    if not is_portable(name):
        raise UserError(f"{path}: {name!r} is outside of the run directory or hidden; nothing was unpacked")
    if name in LOCAL_FILES or name.split("/")[0] in LOGGED_FOLDERS:
        raise UserError(f"{path}: {name!r} is a file of a run that is under way; nothing was unpacked")


def _check_space(path: Path, manifest: Manifest, root: Path) -> None:
    total = sum(file.size for file in manifest.files.values())
    packed = path.stat().st_size
    if total > SMALL_BYTES and total > MAX_RATIO * packed:
        raise UserError(f"{path}: {packed} bytes would unpack to {total}; this archive is made to fill disks")
    free = free_bytes(root)
    if free is not None and total + MIN_FREE_AFTER > free:
        raise UserError(
            f"{path}: it needs {total >> 20} MiB unpacked, {MIN_FREE_AFTER >> 20} MiB must stay free,"
            f" and {root} has {free >> 20} MiB",
            hint="free disk space, or set $TRTBENCH_HOME to a directory on another disk",
        )


def _extract(
    path: Path, archive: zipfile.ZipFile, manifest: Manifest, entries: dict[str, zipfile.ZipInfo], into: Path
) -> None:
    make_folders(into)
    for name, file in manifest.files.items():
        target = into / name
        make_folders(target.parent)
        digest, remaining = hashlib.sha256(), file.size
        with archive.open(entries[name]) as source, open_new(target) as out:
            while piece := source.read(CHUNK_BYTES):
                remaining -= len(piece)
                if remaining < 0:
                    break
                digest.update(piece)
                out.write(piece)
        if remaining or digest.hexdigest() != file.sha256:
            raise UserError(f"{path}: the content of {name} does not match {MANIFEST}", hint=_COPY_AGAIN)
        if entries[name].external_attr >> 16 & stat.S_IXUSR:
            mode = target.stat().st_mode
            target.chmod(mode | (mode & 0o444) >> 2)


def _check_ended(path: Path, staged: Path) -> None:
    """Refuse a run that has not ended: it would look like one whose supervisor was killed on this machine."""
    try:
        layout.load_plan(staged)
    except UserError:
        raise UserError(f"{path}: its run has no {layout.PLAN} that this version can read") from None
    summary = read_summary(staged)
    if summary is None or summary.status not in ENDED_STATUSES:
        raise UserError(f"{path}: its run has no readable {layout.REPORT} with a final status")
    if not (staged / layout.EVENTS).is_file():
        raise UserError(f"{path}: its run has no log ({layout.EVENTS})")


def _same_log(manifest: Manifest) -> Callable[[Path], bool]:
    """Return a function that checks whether a run has the same log as the archive, under any id."""
    log = manifest.files.get(layout.EVENTS)

    def is_same(run_dir: Path) -> bool:
        path = run_dir / layout.EVENTS
        if log is None or path.stat().st_size != log.size:
            return False
        with open(path, "rb") as file:
            return describe_file(file) == log

    return is_same
