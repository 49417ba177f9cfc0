"""The device of a rank: its share of the cores of the host, or one GPU."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
from pathlib import Path

import torch

from runner.ranks.collectives import Mpi, SingleRank
from runner.ranks.errors import StartError


def pick_device(kind: str, link: SingleRank | Mpi) -> torch.device:
    """Return the CPU, or the GPU with the local number of this rank on its host.

    Raises:
        StartError: there is no such GPU.
    """
    if kind == "cpu":
        return torch.device("cpu")
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if link.local_rank >= visible:
        raise StartError(
            f"rank {link.rank} needs GPU {link.local_rank} of its host, but PyTorch {torch.__version__} sees"
            f" {visible} there; check nvidia-smi and CUDA_VISIBLE_DEVICES, lower tp, or measure on the cpu"
        )
    device = torch.device("cuda", link.local_rank)
    torch.cuda.set_device(device)
    return device


def use_own_cores(ranks: int) -> None:
    """Divide the cores of this process among the ranks of its host, unless OMP_NUM_THREADS is set."""
    if "OMP_NUM_THREADS" in os.environ:
        return
    # Only Linux reports which cores a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, cores // ranks))


def label_of(device: torch.device) -> str:
    """Return the name of a GPU from its driver, or of the CPU from the kernel."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def versions_of(device: torch.device) -> dict[str, str]:
    """Return the versions of PyTorch and, on a GPU, of the CUDA and NCCL that it was built with."""
    found = {"PyTorch": str(torch.__version__)}
    if device.type == "cuda":
        found["CUDA of PyTorch"] = str(torch.version.cuda or "")
        with contextlib.suppress(Exception):  # a build without NCCL
            found["NCCL"] = ".".join(map(str, torch.cuda.nccl.version()))
    return {name: version for name, version in found.items() if version}


def compute_capability(device: torch.device) -> str:
    if device.type == "cpu":
        return "none"
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm{major}{minor}"


def wait_for(device: torch.device) -> None:
    """Wait until the device has finished all work; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def free_memory(device: torch.device) -> tuple[int, int] | None:
    """Return free and total bytes of a GPU or, for a CPU, of the host; None: they are not known.

    What this process holds counts as used. Ranks on CPUs of one host share what is free.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return int(free), int(total)
    # Linux may promise more memory than there is (vm.overcommit_memory), and kill what takes it.
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    sizes = {name: int(size.split()[0]) << 10 for name, _, size in (line.partition(":") for line in lines)}
    return (sizes["MemAvailable"], sizes["MemTotal"]) if "MemAvailable" in sizes else None


def peak_memory_gib(device: torch.device) -> float:
    """Return the peak of GPU memory of this process since the last reset, GiB; 0.0 on a CPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0


def reset_memory(device: torch.device) -> None:
    """Release unused GPU memory and reset the peak."""
    if device.type == "cuda":
        gc.collect()  # after an error its frames may hold tensors
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
