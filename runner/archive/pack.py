"""A run into one file, without what is its owner's alone."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from runner.archive.manifest import (
    IN_THE_LOG,
    MANIFEST,
    OF_THIS_MACHINE,
    PIECE,
    SUFFIX,
    Manifest,
    described,
    is_plain,
)
from runner.errors import UserError
from runner.export.destination import opened
from runner.history import labels
from runner.history.run_entry import read_entry
from runner.plan import redaction
from runner.plan.plan import Plan, repro_script
from runner.profile.file import ProfileError, dump, parse_yaml, read_text
from runner.report.files import read_summary
from runner.run import layout
from runner.supervision import hook

_LEFT_HERE = OF_THIS_MACHINE | IN_THE_LOG | {hook.LOG}
"""What the owner's command at the end printed is nobody else's."""
STDOUT = Path("-")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class Packed(NamedTuple):
    path: Path
    withheld: list[str]
    """variables whose values stayed here"""


def pack_run(run_dir: Path, target: Path | None = None) -> Packed:
    """Write the archive of a run that has ended.

    Values that look like a secret are left out of the plan, the profile and `repro.sh`; what programs printed
    is packed as they printed it.

    Args:
        run_dir: the run.
        target: the file, or a directory for `<run>.zip`; `-`: standard output; None: the working directory.

    Raises:
        UserError: there is no run, it has not ended, or a file cannot be read or written.
    """
    plan = layout.load_plan(run_dir)
    if not read_entry(run_dir).ended:
        raise UserError(
            f"{run_dir.name} has not ended; an archive is made of a run that does not change any more",
            hint=f"`trtbench-tui stop {run_dir.name}` ends it",
        )
    run = _id_of(run_dir)
    target = target or Path()
    if target.is_dir():
        target = target / f"{run}{SUFFIX}"
    changed = _without_secrets(run_dir, plan)
    with opened(None if target == STDOUT else target) as file:
        _write(run_dir, run, changed, file)
    return Packed(target, redaction.names(plan))


def _id_of(run_dir: Path) -> str:
    """The id of a run, also of one whose directory somebody gave another name."""
    summary = read_summary(run_dir)
    for name in (run_dir.name, summary.run if summary else ""):
        if layout.RUN_ID.fullmatch(name) and is_plain(name) and "/" not in name:
            return name
    raise UserError(f"{run_dir}: its name is not the id of a run, and its report does not say one")


def _without_secrets(run_dir: Path, plan: Plan) -> dict[str, bytes]:
    """What is packed in place of files that hold a secret, or a command of the owner's, by name.

    Raises:
        UserError: a profile beside such a plan cannot be read, so it may hold the same.
    """
    changed: dict[str, bytes] = {}
    shared = redaction.of_plan(plan)
    if shared == plan:
        return changed
    changed[layout.PLAN] = msgspec.json.format(msgspec.json.encode(shared))
    if shared.stages != plan.stages:
        changed[layout.REPRO] = repro_script(shared).encode()
        if (run_dir / layout.PROFILE).exists():
            try:
                profile = parse_yaml(read_text(run_dir / layout.PROFILE), layout.PROFILE)[0]
            except ProfileError as error:
                raise UserError(
                    f"{run_dir}: the plan holds a secret ({', '.join(redaction.names(plan))}),"
                    f" and whether the profile does cannot be told: {error}"
                ) from None
            changed[layout.PROFILE] = dump(redaction.of_profile(profile)).encode()
    return changed


def _write(run_dir: Path, run: str, changed: dict[str, bytes], file: IO[bytes]) -> None:
    def source(name: str) -> IO[bytes]:
        return io.BytesIO(changed[name]) if name in changed else open(run_dir / name, "rb")

    files = {}
    for name in sorted(_names(run_dir)):
        with source(name) as content:
            files[name] = described(content)
    manifest = Manifest(
        format="trtbench-tui archive",
        version=1,
        run=run,
        files=files,
        label=labels.of(run_dir.name),
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(MANIFEST, 0o644), msgspec.json.format(msgspec.json.encode(manifest)))
        for name in files:
            entry = _entry(name, _mode(run_dir / name))
            with source(name) as content, archive.open(entry, "w", force_zip64=True) as out:
                shutil.copyfileobj(content, out, PIECE)


def _names(run_dir: Path) -> Iterator[str]:
    """Files that make the run what it is; links and what is of this machine only stay here."""
    for folder, folders, files in os.walk(run_dir):
        inside = Path(folder).relative_to(run_dir)
        folders[:] = [name for name in folders if not (name in IN_THE_LOG or name.startswith("."))]
        for name in files:
            relative = (inside / name).as_posix()
            left_here = name.startswith(".") or relative in _LEFT_HERE
            if left_here or not stat.S_ISREG(os.lstat(run_dir / relative).st_mode):
                continue
            if not is_plain(relative):
                raise UserError(
                    f"{run_dir}: {relative!r} is a name that some machines refuse; rename it, or move it away"
                )
            yield relative


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix: whose permissions these are
    entry.external_attr = (stat.S_IFREG | mode) << 16
    return entry
