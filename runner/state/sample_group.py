"""Raw samples of ten seconds: as they arrive, then with what everything but details is computed from.

Samples that are kept for long are packed: decoded, those of eight GPUs are some ten thousand numbers a
minute, each an object. Packed they take a third of the memory, and most are never unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from runner.events import GpuColumn, GpuSamples
from runner.state.gpu_series import ReadingTable, fold

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[GpuSamples])
_THROTTLED, _REASONS, _SLICES = attrgetter("throttled_us"), attrgetter("reasons"), attrgetter("slices")


class SampleSums(msgspec.Struct):
    """What a phase adds up of samples."""

    ticks: int
    table: ReadingTable
    throttled_us: dict[str, list[int]]
    reasons: list[tuple[float | None, ...]]
    """the sets of clocks event reasons of each GPU"""
    slices: dict[str, int]
    """most bytes in use of each MIG device, by UUID"""


def sums_of(ticks: Sequence[GpuSamples], gpus: int) -> SampleSums:
    """Return the sums of samples of the same GPUs."""
    throttled_us: dict[str, list[int]] = {}
    for throttled in filter(None, map(_THROTTLED, ticks)):
        add_columns(throttled_us, throttled)
    slices: dict[str, int] = {}
    for used in filter(None, map(_SLICES, ticks)):
        for uuid, size in used.items():
            slices[uuid] = max(size, slices.get(uuid, 0))
    columns: list[GpuColumn] = list(filter(None, map(_REASONS, ticks)))
    return SampleSums(len(ticks), fold(ticks, gpus), throttled_us, list(zip(*columns, strict=False)), slices)


def add_columns(sums: dict[str, list[int]], more: dict[str, list[int]]) -> None:
    """Add columns of one number a GPU to sums of the same names."""
    for name, column in more.items():
        known = sums.setdefault(name, [])
        known += [0] * (len(column) - len(known))
        for gpu, value in enumerate(column):
            known[gpu] += value


class SampleGroup(msgspec.Struct):
    """Samples of the same GPUs in the order of their times; it is open until `close`."""

    gpus: int
    begin: int
    """time of the first sample, CLOCK_MONOTONIC in ns"""
    sums: SampleSums | None = None
    """None: the group is open"""
    _ticks: list[GpuSamples] | None = []
    """None: `_packed` has them"""
    _end: int = 0
    _packed: bytes = b""
    _was_packed: bool = False

    def close(self) -> SampleSums:
        """Compute the sums."""
        ticks = self.ticks
        self._end, self.sums = ticks[-1].t, sums_of(ticks, self.gpus)
        return self.sums

    def pack(self) -> None:
        """Pack the samples, but only once: a reader that unpacked them will ask for them again."""
        if not self._was_packed:
            self._packed, self._ticks, self._was_packed = _encoder.encode(self._ticks), None, True

    @property
    def end(self) -> int:
        """Time of the last sample."""
        return self.ticks[-1].t if self.sums is None else self._end

    @property
    def count(self) -> int:
        return len(self.ticks) if self.sums is None else self.sums.ticks

    @property
    def ticks(self) -> list[GpuSamples]:
        """The samples; an open group grows with this list, a packed one unpacks it once."""
        if self._ticks is None:
            self._ticks, self._packed = _decoder.decode(self._packed), b""
        return self._ticks
