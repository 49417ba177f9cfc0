"""Where things live on disk: runs, profiles of the user, locks on devices."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says a relative value must be ignored.
    return Path(value) if value.startswith("/") else Path.home() / fallback


def state_home() -> Path:
    """`$TRTBENCH_HOME`, else `$XDG_STATE_HOME/trtbench`: everything that runs leave behind."""
    override = os.environ.get("TRTBENCH_HOME")
    return (
        Path(override).expanduser().resolve()
        if override
        else _xdg("XDG_STATE_HOME", ".local/state") / "trtbench"
    )


def runs_dir() -> Path:
    return state_home() / "runs"


def _config_home() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config") / "trtbench"


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
