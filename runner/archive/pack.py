"""Pack a run into one file, without secrets and without files that only this machine needs."""

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
    CHUNK_BYTES,
    LOCAL_FILES,
    LOGGED_FOLDERS,
    MANIFEST,
    SUFFIX,
    Manifest,
    describe_file,
    is_portable,
)
from runner.export.destination import open_output
from runner.history import labels
from runner.history.run_entry import read_entry
from runner.plan import redaction
from runner.plan.masking import Mask, reader_mask
from runner.plan.plan import Plan
from runner.plan.repro_script import repro_script
from runner.profile.yaml_file import dump, parse_yaml, read_text
from runner.report.files import read_summary
from runner.run import layout
from runner.supervision import hook
from runner.util.errors import UserError
from runner.util.formatting import command

_NOT_PACKED = LOCAL_FILES | LOGGED_FOLDERS | {hook.LOG}
"""Files that are not packed; the output of the on-end command may be private."""
STDOUT = Path("-")
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class PackedRun(NamedTuple):
    """A finished archive."""

    path: Path
    withheld: list[str]
    """names of the variables whose values are not in the archive"""


def pack_run(run_dir: Path, target: Path | None = None) -> PackedRun:
    """Write the archive of a run that has ended.

    The plan, the profile and `repro.sh` are packed without values that look like secrets, and everything else
    without these values, those of secret variables of this process, and what looks like a secret.

    Args:
        run_dir: the run.
        target: a file, or a directory for `<run>.zip`; `-` is standard output, None the working directory.

    Raises:
        UserError: there is no such run, it has not ended, or a file cannot be read or written.
    """
    plan = layout.load_plan(run_dir)
    if not read_entry(run_dir).ended:
        raise UserError(
            f"{run_dir.name} has not ended; only a run that has ended can be packed",
            hint=f"`{command('stop', run_dir.name)}` ends it",
        )
    run = _id_of(run_dir)
    target = target or Path()
    if target.is_dir():
        target = target / f"{run}{SUFFIX}"
    changed = public_files(run_dir, plan)
    with open_output(None if target == STDOUT else target) as file:
        _write(run_dir, run, changed, reader_mask(plan), file)
    return PackedRun(target, redaction.withheld_names(plan))


def _id_of(run_dir: Path) -> str:
    """Return the id of a run, even if its directory was renamed."""
    summary = read_summary(run_dir)
    for name in (run_dir.name, summary.run if summary else ""):
        if layout.RUN_ID.fullmatch(name):
            return name
    raise UserError(f"{run_dir}: neither its name nor its report contains the id of a run")


def public_files(run_dir: Path, plan: Plan) -> dict[str, bytes]:
    """Return the new content of files that contain a secret or the on-end command, by name.

    Raises:
        UserError: the plan contains a secret, and the profile cannot be read, so it may contain it too.
    """
    changed: dict[str, bytes] = {}
    shared = redaction.redact_plan(plan)
    if shared == plan:
        return changed
    changed[layout.PLAN] = msgspec.json.format(msgspec.json.encode(shared))
    if shared.stages != plan.stages:
        changed[layout.REPRO] = repro_script(shared).encode()
        if (run_dir / layout.PROFILE).exists():
            try:
                profile = parse_yaml(read_text(run_dir / layout.PROFILE), layout.PROFILE)[0]
            except UserError as error:
                raise UserError(
                    f"{run_dir}: the plan contains a secret ({', '.join(redaction.withheld_names(plan))}),"
                    f" and the profile cannot be checked for it: {error}"
                ) from None
            changed[layout.PROFILE] = dump(redaction.redact_profile(profile)).encode()
    return changed


def _write(run_dir: Path, run: str, changed: dict[str, bytes], mask: Mask, file: IO[bytes]) -> None:
    def source(name: str) -> IO[bytes]:
        return mask.opened(io.BytesIO(changed[name]) if name in changed else open(run_dir / name, "rb"))

    files = {}
    for name in sorted(_names(run_dir)):
        with source(name) as content:
            files[name] = describe_file(content)
    manifest = Manifest(
        format="trtbench-tui archive",
        version=1,
        run=run,
        files=files,
        label=mask.masked(labels.label_of(run_dir.name)),
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(MANIFEST, 0o644), msgspec.json.format(msgspec.json.encode(manifest)))
        for name in files:
            entry = _entry(name, _mode(run_dir / name))
            with source(name) as content, archive.open(entry, "w", force_zip64=True) as out:
                shutil.copyfileobj(content, out, CHUNK_BYTES)


def _names(run_dir: Path) -> Iterator[str]:
    """Yield the files to pack: no links, and no files that only this machine needs."""
    for folder, folders, files in os.walk(run_dir):
        inside = Path(folder).relative_to(run_dir)
        folders[:] = [name for name in folders if not (name in LOGGED_FOLDERS or name.startswith("."))]
        for name in files:
            relative = (inside / name).as_posix()
            is_left_out = name.startswith(".") or relative in _NOT_PACKED
            if is_left_out or not stat.S_ISREG(os.lstat(run_dir / relative).st_mode):
                continue
            if not is_portable(relative):
                raise UserError(
                    f"{run_dir}: {relative!r} is not a valid file name on some systems; rename or move it"
                )
            yield relative


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, so that readers apply the permissions
    entry.external_attr = (stat.S_IFREG | mode) << 16
    return entry
