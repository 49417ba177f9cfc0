"""A run as one file, and back: a zip that any machine can take into its history.

The first entry, `archive.json`, names every file with its size and SHA-256. Packing the same run twice gives
the same bytes. What is unpacked was made by somebody else: nothing leaves the new run directory, nothing is
bigger than it says, nothing that exists is overwritten, and a run appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Literal, NamedTuple

import msgspec

from runner import history, labels, paths, report, rundir
from runner.errors import UserError
from runner.export.output import opened
from runner.state import ENDED

SUFFIX = ".zip"
MANIFEST = "archive.json"
MAX_FILES = 10_000
SMALL = 1 << 30
"""Up to so many bytes are unpacked however small the archive is."""
MOST_TIMES = 100
"""Beyond that, an archive that grows more than this many times is taken for a bomb."""
MARGIN = 256 << 20
"""What must be left free on the disk."""
_PIECE = 1 << 20
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_OF_THIS_MACHINE = frozenset({rundir.LOCK, rundir.OWNER, rundir.STOP, rundir.BALLAST, rundir.SEEN})
_IN_THE_LOG = frozenset({rundir.RANKS, rundir.TELEMETRY})
"""What ranks and telemetry wrote; every line of it is in the log."""


class File(msgspec.Struct, frozen=True):
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `archive.json`."""

    format: Literal["trtbench-tui archive"]
    version: Literal[1]
    run: str
    files: dict[str, File]
    """by path in the run directory, with slashes"""
    label: labels.Label = labels.UNLABELLED
    """the name, tags and note that people gave to it"""


# --- packing -----------------------------------------------------------------------------------------------


def pack(run_dir: Path, target: Path | None = None) -> Path:
    """Write the archive of a run that has ended; returns its file.

    Args:
        run_dir: the run.
        target: the file, or a directory for `<run>.zip`; None: the working directory.

    Raises:
        UserError: there is no run, it has not ended, or a file cannot be read or written.
    """
    rundir.load_plan(run_dir)
    if not history.entry(run_dir).ended:
        raise UserError(
            f"{run_dir.name} has not ended; an archive is made of a run that does not change any more",
            hint=f"`trtbench-tui stop {run_dir.name}` ends it",
        )
    target = target or Path.cwd()
    if target.is_dir():
        target = target / f"{run_dir.name}{SUFFIX}"
    with opened(target) as file:
        _write(run_dir, file)
    return target


def _write(run_dir: Path, file: IO[bytes]) -> None:
    names = sorted(_names(run_dir))
    manifest = Manifest(
        format="trtbench-tui archive",
        version=1,
        run=run_dir.name,
        files={name: _described(run_dir / name) for name in names},
        label=labels.of(run_dir.name),
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(MANIFEST, 0o644), msgspec.json.format(msgspec.json.encode(manifest)))
        for name in names:
            path = run_dir / name
            with (
                open(path, "rb") as source,
                archive.open(_entry(name, _mode(path)), "w", force_zip64=True) as out,
            ):
                shutil.copyfileobj(source, out, _PIECE)


def _names(run_dir: Path) -> Iterator[str]:
    """Files that make the run what it is; links and what is of this machine only stay here."""
    for folder, folders, files in os.walk(run_dir):
        inside = Path(folder).relative_to(run_dir)
        folders[:] = [name for name in folders if not (name in _IN_THE_LOG or name.startswith("."))]
        for name in files:
            relative = (inside / name).as_posix()
            left_here = name.startswith(".") or relative in _OF_THIS_MACHINE | _IN_THE_LOG
            if not left_here and stat.S_ISREG(os.lstat(run_dir / relative).st_mode):
                yield relative


def _described(path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return File(size, digest.hexdigest())


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix: whose permissions these are
    entry.external_attr = (stat.S_IFREG | mode) << 16
    return entry


# --- unpacking ---------------------------------------------------------------------------------------------


def is_archive(path: Path) -> bool:
    """Whether a file begins like an archive, torn or not."""
    try:
        with open(path, "rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


class Unpacked(NamedTuple):
    run_dir: Path
    run: str
    """its id where it was packed; another one here means that a run of that id was here before"""
    new: bool
    """False: this very run was here already, and nothing was written"""


def unpack(path: Path) -> Unpacked:
    """Take an archive into the history.

    Raises:
        UserError: the file is no archive of a run, is torn or harmful, or there is no room for it.
    """
    root = paths.runs_dir()
    incoming = root / f".incoming-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path) as archive:
            manifest, entries = _checked(path, archive)
            here = root / manifest.run
            if _is_same_run(here, manifest):
                return Unpacked(here, manifest.run, new=False)
            _make_sure_of_room(path, manifest, root)
            _extract(path, archive, manifest, entries, incoming)
        _must_have_ended(path, incoming)
        run_dir = _moved(incoming, root, manifest.run)
        _say_again(run_dir.name, manifest.label)
        return Unpacked(run_dir, manifest.run, new=True)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: the archive is torn or not a zip: {error}", hint=_AGAIN) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be taken in: {error.strerror or error}") from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


_AGAIN = "copy it again from where it was made, and compare the sizes"


def _checked(path: Path, archive: zipfile.ZipFile) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    """The manifest, and the entries by name; everything that can be known before unpacking is checked."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    if MANIFEST not in entries:
        raise UserError(f"{path}: this zip is no archive of a run: it has no {MANIFEST}", hint=_HOW)
    if len(archive.infolist()) > MAX_FILES or entries[MANIFEST].file_size > MAX_FILES * 200:
        raise UserError(f"{path}: more than {MAX_FILES} files; no run has that many")
    try:
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except rundir.UNREADABLE as error:
        raise UserError(f"{path}: {MANIFEST} is not what this version reads: {error}", hint=_HOW) from None
    if not rundir.RUN_ID.fullmatch(manifest.run) or "/" in manifest.run or "\0" in manifest.run:
        raise UserError(f"{path}: {manifest.run!r} is not the id of a run")
    label = manifest.label
    unfit = labels.name_refusal(label.name) or labels.note_refusal(label.note)
    if unfit or not all(map(labels.TAG.fullmatch, label.tags)):
        raise UserError(
            f"{path}: the name, tags or note in {MANIFEST} cannot be used: {unfit or labels.TAG_RULE}"
        )
    for name in manifest.files:
        _refuse_unsafe(path, name)
    extra = entries.keys() - manifest.files.keys() - {MANIFEST}
    missing = manifest.files.keys() - entries.keys()
    if extra or missing or len(entries) != len(archive.infolist()):
        named = min(extra or missing or {"a name twice"})
        raise UserError(f"{path}: the archive holds other files than its {MANIFEST} says: {named}")
    for name, file in manifest.files.items():
        kind = stat.S_IFMT(entries[name].external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise UserError(f"{path}: {name} is a link or a device, which no run has")
        if entries[name].file_size != file.size:
            raise UserError(f"{path}: {name} has another size than {MANIFEST} says", hint=_AGAIN)
    return manifest, entries


_HOW = "`trtbench-tui archive RUN` makes one; results are imported as text, CSV or JSON"


def _refuse_unsafe(path: Path, name: str) -> None:
    pure = PurePosixPath(name)
    plain = name == str(pure) and not pure.is_absolute() and not any(char in name for char in "\\:\0")
    if not plain or any(part in ("", ".", "..") or part.startswith(".") for part in pure.parts):
        raise UserError(
            f"{path}: {name!r} would be written outside of the run, or hidden; nothing was unpacked"
        )
    if name in _OF_THIS_MACHINE or pure.parts[0] in _IN_THE_LOG:
        raise UserError(f"{path}: {name!r} belongs to a run that is under way; nothing was unpacked")


def _make_sure_of_room(path: Path, manifest: Manifest, root: Path) -> None:
    total = sum(file.size for file in manifest.files.values())
    packed = path.stat().st_size
    if total > SMALL and total > MOST_TIMES * packed:
        raise UserError(f"{path}: {packed} bytes would become {total}; such an archive is made to fill disks")
    free = shutil.disk_usage(root).free
    if total + MARGIN > free:
        raise UserError(
            f"{path}: unpacked it takes {total >> 20} MiB, and {root} has {free >> 20} MiB left",
            hint="free some room, or let $TRTBENCH_HOME name a disk that has it",
        )


def _extract(
    path: Path, archive: zipfile.ZipFile, manifest: Manifest, entries: dict[str, zipfile.ZipInfo], into: Path
) -> None:
    into.mkdir()
    for name, file in manifest.files.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), file.size
        with archive.open(entries[name]) as source, open(target, "xb") as out:
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                out.write(piece)
        if left or digest.hexdigest() != file.sha256:
            raise UserError(f"{path}: {name} is not what was packed", hint=_AGAIN)
        if entries[name].external_attr >> 16 & stat.S_IXUSR:
            target.chmod(0o755)


def _must_have_ended(path: Path, incoming: Path) -> None:
    """A run without an end would be taken for one whose supervisor was killed here."""
    try:
        rundir.load_plan(incoming)
    except UserError:
        raise UserError(f"{path}: the run in it has no {rundir.PLAN} that this version can read") from None
    summary = report.read_summary(incoming)
    if summary is None or summary.status not in ENDED:
        raise UserError(f"{path}: the run in it has no readable {rundir.REPORT} that says how it ended")
    if not (incoming / rundir.EVENTS).is_file():
        raise UserError(f"{path}: the run in it has no log ({rundir.EVENTS})")


def _say_again(run: str, label: labels.Label) -> None:
    if label.name:
        labels.rename(run, label.name)
    if label.note:
        labels.annotate(run, label.note)
    labels.tag(run, label.tags)


def _is_same_run(here: Path, manifest: Manifest) -> bool:
    """Whether a run that is here has the very log of the archive."""
    try:
        log = manifest.files.get(rundir.EVENTS)
        return log is not None and _described(here / rundir.EVENTS) == log
    except OSError:
        return False


def _moved(incoming: Path, root: Path, run: str) -> Path:
    """The run under its id, or under a new one when that is taken."""
    stem = run.rpartition("_")[0]
    while True:
        # A directory is never moved over one that has something in it; an empty one of that name is no run.
        try:
            os.rename(incoming, root / run)
        except OSError:
            if not os.path.lexists(root / run):
                raise
            run = f"{stem}_{secrets.token_hex(2)}"
        else:
            return root / run
