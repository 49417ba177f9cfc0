"""One file into a run of this machine's history; the file was made by somebody else."""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from runner import paths
from runner.archive import publish
from runner.archive.manifest import (
    IN_THE_LOG,
    MANIFEST,
    OF_THIS_MACHINE,
    PIECE,
    Manifest,
    described,
    is_plain,
)
from runner.errors import UserError
from runner.history import labels
from runner.report.files import read_summary
from runner.run import layout
from runner.state.run import ENDED
from runner.util.disk import free_bytes

MAX_FILES = 10_000
MAX_MANIFEST = 200 * MAX_FILES
"""bytes"""
STREAMED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Unpacked piece by piece; of the others Python unpacks all of a piece, whatever that becomes in memory."""
SMALL = 1 << 30
"""Up to so many bytes are unpacked however small the archive is."""
MOST_TIMES = 100
"""Beyond that, an archive that grows more than this many times is taken for a bomb."""
MARGIN = 256 << 20
"""What must be left free on the disk."""


def is_archive(path: Path) -> bool:
    """Whether a file begins like an archive, torn or not; what is read from a pipe would be gone from it."""
    if not path.is_file():
        return False
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


def unpack_archive(path: Path, *, again: bool = False) -> Unpacked:
    """Take an archive into the history; with `again` also when its run is here already.

    Raises:
        UserError: the file is no archive of a run, is torn or harmful, or there is no room for it.
    """
    try:
        with zipfile.ZipFile(path) as archive, publish.incoming() as incoming:
            manifest, entries = _checked(path, archive)
            here = None if again else _here_already(manifest)
            if here is not None:
                return Unpacked(here, manifest.run, new=False)
            _make_sure_of_room(path, manifest, paths.runs_dir())
            made = incoming / "run"
            _extract(path, archive, manifest, entries, made)
            _must_have_ended(path, made)
            run_dir = publish.appear(made, manifest.run)
        _say_again(run_dir.name, manifest.label)
        return Unpacked(run_dir, manifest.run, new=True)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: the archive is torn or not a zip: {error}", hint=_AGAIN) from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be taken into {paths.runs_dir()}: {error.strerror or error}"
        ) from None


_AGAIN = "copy it again from where it was made, and compare the sizes"


def _checked(path: Path, archive: zipfile.ZipFile) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    """The manifest, and the entries by name; everything that can be known before unpacking is checked."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    if MANIFEST not in entries:
        raise UserError(f"{path}: this zip is no archive of a run: it has no {MANIFEST}", hint=_HOW)
    if len(archive.infolist()) > MAX_FILES or entries[MANIFEST].file_size > MAX_MANIFEST:
        raise UserError(f"{path}: more than {MAX_FILES} files; no run has that many")
    for entry in archive.infolist():
        if entry.compress_type not in STREAMED:
            raise UserError(f"{path}: {entry.filename} is compressed in a way that `archive` never uses")
    try:
        with archive.open(MANIFEST) as packed:
            manifest = msgspec.json.decode(packed.read(MAX_MANIFEST), type=Manifest)
    except layout.UNREADABLE as error:
        raise UserError(f"{path}: {MANIFEST} is not what this version reads: {error}", hint=_HOW) from None
    if not layout.RUN_ID.fullmatch(manifest.run) or "/" in manifest.run or "\0" in manifest.run:
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
    if not is_plain(name):
        raise UserError(
            f"{path}: {name!r} would be written outside of the run, or hidden; nothing was unpacked"
        )
    if name in OF_THIS_MACHINE or name.split("/")[0] in IN_THE_LOG:
        raise UserError(f"{path}: {name!r} belongs to a run that is under way; nothing was unpacked")


def _make_sure_of_room(path: Path, manifest: Manifest, root: Path) -> None:
    total = sum(file.size for file in manifest.files.values())
    packed = path.stat().st_size
    if total > SMALL and total > MOST_TIMES * packed:
        raise UserError(f"{path}: {packed} bytes would become {total}; such an archive is made to fill disks")
    free = free_bytes(root)
    if free is not None and total + MARGIN > free:
        raise UserError(
            f"{path}: unpacked it takes {total >> 20} MiB, {MARGIN >> 20} MiB must be left, and {root} has"
            f" {free >> 20} MiB",
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
            while piece := source.read(PIECE):
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
        layout.load_plan(incoming)
    except UserError:
        raise UserError(f"{path}: the run in it has no {layout.PLAN} that this version can read") from None
    summary = read_summary(incoming)
    if summary is None or summary.status not in ENDED:
        raise UserError(f"{path}: the run in it has no readable {layout.REPORT} that says how it ended")
    if not (incoming / layout.EVENTS).is_file():
        raise UserError(f"{path}: the run in it has no log ({layout.EVENTS})")


def _say_again(run: str, label: labels.Label) -> None:
    if label.name:
        labels.rename(run, label.name)
    if label.note:
        labels.annotate(run, label.note)
    labels.tag(run, label.tags)


def _here_already(manifest: Manifest) -> Path | None:
    """The run here that has the very log of the archive, whatever its id is."""
    log = manifest.files.get(layout.EVENTS)

    def same(run_dir: Path) -> bool:
        path = run_dir / layout.EVENTS
        if log is None or path.stat().st_size != log.size:
            return False
        with open(path, "rb") as file:
            return described(file) == log

    return publish.here_already(same, manifest.run)
