"""What an interpreter sees of the machine or container it runs in, as one JSON object on standard output.

Run as `python -c <this text> <questions as JSON>` by the interpreter that will be measured, where nothing of
ours is installed. Standard library only; nothing that is looked at is imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import shutil
import sys
from typing import Any


def versions(packages: list[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(1_000_000)
    except (OSError, UnicodeDecodeError):
        return ""


def weights_in(directory: str) -> int:
    """Bytes of the files with weights in a model's folder, of one format when there are two."""
    sizes = {".safetensors": 0, ".bin": 0, ".engine": 0}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1]
                if suffix in sizes:
                    sizes[suffix] += entry.stat().st_size
    except OSError:
        return 0
    return sizes[".safetensors"] or sizes[".bin"] or sizes[".engine"]


def free_at(path: str) -> int:
    """Free bytes where a folder is, or where it would be made."""
    while not os.path.isdir(path) and path not in ("", "/"):
        path = os.path.dirname(path)
    return shutil.disk_usage(path or "/").free


def answers(questions: dict[str, Any]) -> dict[str, Any]:
    shm = "/dev/shm"
    names = (
        "OMPI_ALLOW_RUN_AS_ROOT",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
        "CUDA_VISIBLE_DEVICES",
        "SLURM_JOB_ID",
    )
    # Of a secret nothing but that there is one.
    secret = {"HF_TOKEN": "set"} if os.environ.get("HF_TOKEN") else {}
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": versions(questions["packages"]),
        "programs": {name: shutil.which(name) for name in questions["programs"]},
        "exists": {path: os.path.exists(path) for path in questions["paths"]},
        "texts": {path: text_of(path) for path in questions["texts"]},
        "weights": {path: weights_in(path) for path in questions["weights"]},
        "free": {path: free_at(path) for path in questions["disks"]},
        "shm": shutil.disk_usage(shm).total if os.path.isdir(shm) else 0,
        "memlock": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
        "root": os.geteuid() == 0,
        "cores": os.cpu_count() or 1,
        "env": {name: os.environ[name] for name in names if name in os.environ} | secret,
    }


if __name__ == "__main__":
    print(json.dumps(answers(json.loads(sys.argv[1]))))
