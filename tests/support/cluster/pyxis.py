"""Containers of Slurm on the test bed: pyxis and enroot, as a cluster has them, and an image of our own.

Debian has neither. Built from their sources and installed with `make install`, they are found here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.support.cluster.hosts import Host
from tests.support.cluster.namespaces import program
from tests.support.cluster.slurm import slurm_missing
from tests.support.paths import ROOT

_FOLDERS = ("/usr/local/lib/slurm", "/usr/lib/slurm", "/usr/lib/x86_64-linux-gnu/slurm", "/usr/lib64/slurm")
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_EMPTY = ("usr", "proc", "sys", "dev", "tmp", "run", "var/run", "var/lock", "root")


@cache
def plugin() -> Path | None:
    """Return the plugin of pyxis; None: it is not installed."""
    found = (Path(folder) / "spank_pyxis.so" for folder in _FOLDERS)
    return next((path for path in found if path.exists()), None)


@cache
def pyxis_missing() -> str:
    """Return why there are no containers of Slurm on this machine; empty: there are."""
    absent = [name for name in ("enroot", "mksquashfs", "unsquashfs") if program(name) is None]
    absent += [] if plugin() else ["spank_pyxis.so of pyxis"]
    return slurm_missing() or (f"not installed: {', '.join(absent)}" if absent else "")


def make_image(folder: Path, environment: str) -> Path:
    """Make an image without programs, whose /usr has to be mounted; `environment`: its /etc/environment."""
    root, image = folder / "root", folder / "image.sqsh"
    for name in (*_EMPTY, "etc"):
        (root / name).mkdir(parents=True)
    for name, target in _LINKS.items():
        (root / name).symlink_to(target)
    (root / "etc" / "environment").write_text(environment)
    subprocess.run(["mksquashfs", str(root), str(image), "-all-root", "-quiet", "-no-progress"], check=True)
    return image


def container(image: Path, folders: Sequence[Path]) -> str:
    """Return a field `container` of `launch.slurm` with Python, this project and folders of this machine."""
    shared = dict.fromkeys(map(str, ("/usr", sys.prefix, sys.base_prefix, ROOT, *folders)))
    return f"container: {{image: {image}, mounts: [{', '.join(f'{path}:{path}:ro' for path in shared)}]}}"


def containers(host: Host) -> list[str]:
    """Return the names of the containers that a host has."""
    return host.run("enroot", "list").split()
