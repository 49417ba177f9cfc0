"""What GPUs can do at most, by product name: memory bandwidth, dense matrix rates, size of the L2 cache.

Sources: NVIDIA's data sheets and architecture whitepapers (A100, H100, H200, GH200, Ada, L4, L40, L40S, A10,
A30, B200); those that state matrix rates with sparsity are halved. Rates hold at the boost clock. The files
`systems/*.yaml` of ai-dynamo/aiconfigurator have the same numbers for A100, H100, H200 and L40S, and 7.7
instead of 8.0 TB/s for B200.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

TERA, MIB = 1e12, 1 << 20


class GpuPeak(msgspec.Struct, frozen=True):
    """The peaks of one GPU, or the least ones of several."""

    name: str
    bandwidth: float
    """bytes/s of its memory"""
    rates: dict[str, float]
    """type of the factors of a matrix product -> FLOP/s, dense"""
    l2: int
    """bytes of the L2 cache: what it holds need not be read from memory"""


def _peak(name: str, terabytes: float, half: float, eight: float, l2: int, *, fp8: bool = True) -> GpuPeak:
    """Return an entry: TB/s, TFLOP/s in 16 bits and in 8 bits, MiB of L2."""
    rates = {"float16": half * TERA, "bfloat16": half * TERA, "int8": eight * TERA}
    return GpuPeak(name, terabytes * TERA, rates | ({"fp8": eight * TERA} if fp8 else {}), l2 * MIB)


_ENTRIES = (
    _peak("NVIDIA A10", 0.600, 125.0, 250.0, 6, fp8=False),
    _peak("NVIDIA A30", 0.933, 165.0, 330.0, 24, fp8=False),
    _peak("NVIDIA A100-PCIE-40GB", 1.555, 312.0, 624.0, 40, fp8=False),
    _peak("NVIDIA A100-SXM4-40GB", 1.555, 312.0, 624.0, 40, fp8=False),
    _peak("NVIDIA A100 80GB PCIe", 1.935, 312.0, 624.0, 40, fp8=False),
    _peak("NVIDIA A100-SXM4-80GB", 2.039, 312.0, 624.0, 40, fp8=False),
    _peak("NVIDIA L4", 0.300, 121.0, 242.5, 48),
    _peak("NVIDIA L40", 0.864, 181.05, 362.1, 96),
    _peak("NVIDIA L40S", 0.864, 362.05, 733.0, 96),
    _peak("NVIDIA H100 PCIe", 2.039, 756.0, 1513.0, 50),
    _peak("NVIDIA H100 NVL", 3.938, 835.5, 1671.0, 60),
    _peak("NVIDIA H100 80GB HBM3", 3.350, 989.4, 1978.9, 50),
    _peak("NVIDIA GH200 480GB", 4.000, 989.4, 1978.9, 60),
    _peak("NVIDIA GH200 144G HBM3e", 4.900, 989.4, 1978.9, 60),
    _peak("NVIDIA H200", 4.800, 989.4, 1978.9, 60),
    _peak("NVIDIA H200 NVL", 4.800, 835.5, 1671.0, 60),
    _peak("NVIDIA B200", 8.000, 2250.0, 4500.0, 126),
)
BY_NAME = {entry.name: entry for entry in _ENTRIES}


def peak_of(names: Sequence[str]) -> GpuPeak | str:
    """Return the least peaks of the GPUs of a run, or why they are not known.

    Args:
        names: product names as the driver gives them, one per rank.
    """
    unknown = next((name for name in names if name not in BY_NAME), None)
    if unknown is not None or not names:
        known = f"peak bandwidth and matrix rate of {unknown} are not in the table" if unknown else ""
        return known or "which GPU it ran on is not known"
    found = [BY_NAME[name] for name in dict.fromkeys(names)]
    slowest = min(found, key=lambda peak: peak.bandwidth)
    rates = {
        dtype: min(peak.rates[dtype] for peak in found)
        for dtype in slowest.rates
        if all(dtype in peak.rates for peak in found)
    }
    return GpuPeak(slowest.name, slowest.bandwidth, rates, max(peak.l2 for peak in found))
