"""Whether a logout kills the processes of its login session.

systemd puts processes of a login into the control group of its session. With KillUserProcesses=yes it kills
all of them at logout, even detached ones (man 5 logind.conf).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from runner.util.files import system_text

OWN_GROUPS = Path("/proc/self/cgroup")
CONFIGURED = ("/usr/lib/systemd", "/run/systemd", "/etc/systemd")
"""folders that logind reads; later ones take precedence"""
_SESSION = re.compile(r"/session-[^/]*\.scope(/|$)", re.MULTILINE)
_SETTING = re.compile(r"^\s*KillUserProcesses\s*=\s*(\S+)\s*$", re.MULTILINE)


def kills_processes_at_logout() -> bool:
    """Check whether logout kills this process; never for root."""
    if os.geteuid() == 0:
        return False  # KillExcludeUsers
    groups = system_text(OWN_GROUPS)
    return _SESSION.search(groups) is not None and _kills()


def _kills() -> bool:
    setting = "no"
    for file in _files():
        for found in _SETTING.findall(system_text(file)):
            setting = found
    return setting.lower() in ("yes", "true", "on", "1")


def _files() -> Iterator[Path]:
    yield from (Path(folder) / "logind.conf" for folder in CONFIGURED)
    drop_ins = {
        file.name: file for folder in CONFIGURED for file in Path(folder).glob("logind.conf.d/*.conf")
    }
    yield from (drop_ins[name] for name in sorted(drop_ins))
