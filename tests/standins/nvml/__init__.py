"""A stand-in for NVIDIA's driver library, compiled on demand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")
NAME = "libnvidia-ml.so.1"


def compiler() -> str | None:
    """The C compiler of this machine; None: there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path, *, old_driver: bool = False) -> Path:
    """Compile the stand-in into a folder, for LD_LIBRARY_PATH.

    Args:
        folder: where to put it.
        old_driver: without the functions that drivers before R510 lack.
    """
    cc = compiler()
    assert cc is not None
    flags = ["-DOLD_DRIVER"] if old_driver else []
    folder.mkdir(parents=True, exist_ok=True)
    words = [cc, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", *flags]
    subprocess.run([*words, "-o", str(folder / NAME), str(SOURCE)], check=True)
    return folder
