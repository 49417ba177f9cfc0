"""The rank of this process, from MPI only if a launcher started several ranks."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


@lru_cache(maxsize=1)
def _world() -> Any:
    if os.environ.get("TRTLLM_STANDIN_MPI") == "broken":
        return None
    if all(int(os.environ.get(name, "1")) == 1 for name in _SIZES):
        return None
    from mpi4py import MPI

    return MPI.COMM_WORLD


def mpi_rank() -> int:
    world = _world()
    return 0 if world is None else int(world.Get_rank())


def mpi_world_size() -> int:
    world = _world()
    return 1 if world is None else int(world.Get_size())


def mpi_barrier() -> None:
    world = _world()
    if world is not None:
        world.Barrier()
