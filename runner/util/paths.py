"""Locations on disk: runs, the user's profiles and settings, device locks."""

from __future__ import annotations

import os
from pathlib import Path

from runner.util import disk
from runner.util.errors import UserError

MIN_FREE_BYTES = 16 << 20
"""disk space of a short run, including what it reserves for its end"""
_KEPT = "runs are kept under $TRTBENCH_HOME, else ~/.local/state/trtbench"


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says a relative value must be ignored.
    return Path(value) if value.startswith("/") else _of_user(f"~/{fallback}")


def _of_user(path: str) -> Path:
    """Expand a leading `~`."""
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise UserError(
            f"{path}: the home directory of this user is unknown", hint="set $HOME or $TRTBENCH_HOME"
        )
    return Path(expanded)


def state_home() -> Path:
    """Return `$TRTBENCH_HOME`, else `$XDG_STATE_HOME/trtbench`: the directory of everything that is kept.

    Raises:
        UserError: the home directory is unknown, or the path cannot be resolved or is not UTF-8.
    """
    override = os.environ.get("TRTBENCH_HOME")
    try:
        if not override:
            return _as_text(_xdg("XDG_STATE_HOME", ".local/state") / "trtbench")
        return _as_text(_of_user(override).resolve())
    except (OSError, RuntimeError) as error:  # a link to itself, a deleted working directory
        raise UserError(f"$TRTBENCH_HOME, {override!r}, is not a directory: {error}") from None


def _as_text(path: Path) -> Path:
    """Return a path that logs and plans can contain, which are UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{str(path)!r}: the path is not UTF-8, and runs cannot be stored there",
            hint="set $TRTBENCH_HOME to a directory with a name in UTF-8",
        ) from None
    return path


def check_home() -> None:
    """Check that the directories of runs and sweeps can be read; they are created later if they do not exist.

    Raises:
        UserError: one of them is not a directory or cannot be read.
    """
    for folder in (state_home(), runs_dir(), sweeps_dir()):
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be read: {error.strerror}",
                hint=f"{_KEPT}; set it to a directory that you can read and write",
            ) from None


def runs_dir() -> Path:
    return state_home() / "runs"


def _config_home() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config") / "trtbench"


def home_problem() -> str:
    """Return why no run can be stored; empty if nothing is found without writing to the disk."""
    try:
        folder = runs_dir()
    except UserError as error:
        return str(error.args[0])
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a directory"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable"
    room = disk.free_bytes(folder)
    return "" if room is None or room >= MIN_FREE_BYTES else f"the disk of {folder} has {room >> 20} MiB left"


def sweeps_dir() -> Path:
    return state_home() / "sweeps"


def user_profiles_dir() -> Path:
    return _config_home() / "profiles"


def settings_file() -> Path:
    return _config_home() / "settings.yaml"


def device_locks_override() -> str | None:
    """Return `$TRTBENCH_LOCKS`, the directory of the device locks; None: one that all users share."""
    return os.environ.get("TRTBENCH_LOCKS") or None


def crashes_dir() -> Path:
    """Return the directory with the tracebacks of unexpected errors."""
    return state_home() / "crashes"


def labels_file() -> Path:
    """Return the file of names, tags and notes of runs; the directory of a run that ended never changes."""
    return state_home() / "labels.jsonl"


def baselines_dir() -> Path:
    """Return the directory of one file per profile: the runs that its later runs are compared with."""
    return state_home() / "baselines"


def history_index() -> Path:
    """Return the file that caches data of ended runs; it may be deleted at any time and is rebuilt."""
    return state_home() / "history.index"


def tiles_dir() -> Path:
    """Return the directory of the tile sizes that the torch engine chose; it may be deleted at any time."""
    return state_home() / "tiles"


def fleet_dir() -> Path:
    """Return the directory of the copies of other machines' runs; it may be deleted at any time."""
    return state_home() / "fleet"


def trash_dir() -> Path:
    """Return the directory of deleted runs; it is inside `runs_dir()`, so that deleting is one rename."""
    return runs_dir() / ".trash"
