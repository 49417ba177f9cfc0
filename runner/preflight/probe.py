"""Print what an interpreter sees of the machine or container that it runs in, as one JSON object.

Run as `python -c <this text> <questions as JSON>` by the interpreter that will be measured, which does not
have trtbench-tui. Uses the standard library only, and does not import the packages that it reports.
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
    """Return the bytes of the weight files in a folder; of two formats, count one."""
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
    """Return the free bytes on the disk where a folder is or would be created."""
    while not os.path.isdir(path) and path not in ("", "/"):
        path = os.path.dirname(path)
    return shutil.disk_usage(path or "/").free


def allowed_cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def cpu_quota() -> float | None:
    """Return the CPUs' worth of time that the control group of this process allows; None: no limit known."""
    words = text_of("/sys/fs/cgroup/cpu.max").split()
    if len(words) == 2 and words[0].isdigit():
        return int(words[0]) / int(words[1])
    quota = text_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").strip()
    period = text_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def physical_cores(cpus: list[int]) -> int:
    """Return the number of cores among CPUs, each with all of its hardware threads; 0: unknown."""
    folder = "/sys/devices/system/cpu/cpu{}/topology/{}"
    names = ("physical_package_id", "core_id")
    found = {tuple(text_of(folder.format(cpu, name)).strip() for name in names) for cpu in cpus}
    return 0 if ("", "") in found else len(found)


def memory_available() -> int:
    """Return the bytes that can be allocated without swapping; the control group may allow less."""
    rows = dict(line.split(":", 1) for line in text_of("/proc/meminfo").splitlines() if ":" in line)
    free = int((rows.get("MemAvailable") or "0").split()[0]) * 1024
    limit = text_of("/sys/fs/cgroup/memory.max").strip()
    used = text_of("/sys/fs/cgroup/memory.current").strip()
    return min(free, max(0, int(limit) - int(used))) if limit.isdigit() and used.isdigit() else free


def file_answers(questions: dict[str, Any]) -> dict[str, Any]:
    return {
        "exists": {path: os.path.exists(path) for path in questions["paths"]},
        "texts": {path: text_of(path) for path in questions["texts"]},
        "weights": {path: weights_in(path) for path in questions["weights"]},
        "free": {path: free_at(path) for path in questions["disks"]},
    }


def answers(questions: dict[str, Any]) -> dict[str, Any]:
    shm = "/dev/shm"
    cpus = allowed_cpus()
    names = (
        "OMPI_ALLOW_RUN_AS_ROOT",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
        "CUDA_VISIBLE_DEVICES",
        "SLURM_JOB_ID",
    )
    # Of a secret, report only that it is set.
    secret = {"HF_TOKEN": "set"} if os.environ.get("HF_TOKEN") else {}
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": versions(questions["packages"]),
        "programs": {name: shutil.which(name) for name in questions["programs"]},
        **file_answers(questions),
        "shm": shutil.disk_usage(shm).total if os.path.isdir(shm) else 0,
        "shm_free": shutil.disk_usage(shm).free if os.path.isdir(shm) else 0,
        "shm_writable": os.access(shm, os.W_OK),
        "memlock": resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
        "root": os.geteuid() == 0,
        "cores": os.cpu_count() or 1,
        "cpus": cpus,
        "cpu_quota": cpu_quota(),
        "physical_cores": physical_cores(cpus),
        "memory_available": memory_available(),
        "env": {name: os.environ[name] for name in names if name in os.environ} | secret,
    }


if __name__ == "__main__":
    print(json.dumps(answers(json.loads(sys.argv[1]))))
