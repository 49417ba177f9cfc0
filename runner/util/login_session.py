"""Whether the end of a login session would end what was started in it.

systemd puts what a login starts into the control group of its session, and with KillUserProcesses=yes ends
all of that at logout, however well it is detached (man 5 logind.conf).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

OWN_GROUPS = Path("/proc/self/cgroup")
CONFIGURED = ("/usr/lib/systemd", "/run/systemd", "/etc/systemd")
"""where logind looks, the later the stronger"""
_SESSION = re.compile(r"/session-[^/]*\.scope(/|$)", re.MULTILINE)
_SETTING = re.compile(r"^\s*KillUserProcesses\s*=\s*(\S+)\s*$", re.MULTILINE)


def ends_what_it_started() -> bool:
    """Whether this process belongs to a login session that takes its processes with it; never root's."""
    if os.geteuid() == 0:
        return False  # KillExcludeUsers
    groups = _text(OWN_GROUPS)
    return _SESSION.search(groups) is not None and _kills()


def _kills() -> bool:
    said = "no"
    for file in _files():
        for found in _SETTING.findall(_text(file)):
            said = found
    return said.lower() in ("yes", "true", "on", "1")


def _files() -> Iterator[Path]:
    yield from (Path(folder) / "logind.conf" for folder in CONFIGURED)
    drop_ins = {
        file.name: file for folder in CONFIGURED for file in Path(folder).glob("logind.conf.d/*.conf")
    }
    yield from (drop_ins[name] for name in sorted(drop_ins))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
