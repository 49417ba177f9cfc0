"""Where things live on disk: runs, profiles of the user, locks on devices."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from runner.errors import UserError
from runner.util import disk

LEAST_ROOM = 16 << 20
"""bytes that a short run takes, with what it keeps aside for its end"""
_KEPT = "runs are kept under $TRTBENCH_HOME, else ~/.local/state/trtbench"


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says a relative value must be ignored.
    return Path(value) if value.startswith("/") else _of_user(f"~/{fallback}")


def _of_user(path: str) -> Path:
    """A path that may begin with `~`."""
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise UserError(
            f"{path}: the home directory of that user is not known", hint="set $HOME or $TRTBENCH_HOME"
        )
    return Path(expanded)


def state_home() -> Path:
    """`$TRTBENCH_HOME`, else `$XDG_STATE_HOME/trtbench`: everything that runs leave behind.

    Raises:
        UserError: it cannot be found out where that is.
    """
    override = os.environ.get("TRTBENCH_HOME")
    if not override:
        return _xdg("XDG_STATE_HOME", ".local/state") / "trtbench"
    try:
        return _of_user(override).resolve()
    except (OSError, RuntimeError) as error:  # a link to itself, a working directory that is gone
        raise UserError(f"$TRTBENCH_HOME, {override!r}, names no directory: {error}") from None


def refuse_unusable_home() -> None:
    """Say so where runs cannot be looked for; a home that is not there yet will be made.

    Raises:
        UserError: it is no directory, or may not be read.
    """
    for folder in (state_home(), runs_dir(), sweeps_dir()):
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(
                f"{folder}: runs cannot be looked for there: {error.strerror}",
                hint=f"{_KEPT}; let it name a directory that you may read and write",
            ) from None


def runs_dir() -> Path:
    return state_home() / "runs"


def _config_home() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config") / "trtbench"


def refused_home() -> str:
    """Why no run can be kept here; empty when one can, as far as can be told without writing."""
    try:
        folder = runs_dir()
    except UserError as error:
        return str(error.args[0])
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is no directory"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} cannot be written to"
    room = disk.free_bytes(folder)
    return "" if room is None or room >= LEAST_ROOM else f"the disk of {folder} has {room >> 20} MiB left"


def sweeps_dir() -> Path:
    return state_home() / "sweeps"


def user_profiles_dir() -> Path:
    return _config_home() / "profiles"


def settings_file() -> Path:
    return _config_home() / "settings.yaml"


def device_locks_dir() -> Path:
    """One lock file a device; machine-wide, because two users can want the same GPU."""
    return Path(tempfile.gettempdir()) / "trtbench-locks"


def labels_file() -> Path:
    """Names, tags and notes of runs; beside the runs, whose directories no longer change."""
    return state_home() / "labels.jsonl"


def baselines_dir() -> Path:
    """One file a profile: the runs that its later runs are held against."""
    return state_home() / "baselines"


def history_index() -> Path:
    """What was read of runs that ended; may be deleted at any time, and is made again."""
    return state_home() / "history.index"


def trash_dir() -> Path:
    """Deleted runs. Among the runs and not beside them: there, moving one in is always one rename."""
    return runs_dir() / ".trash"
