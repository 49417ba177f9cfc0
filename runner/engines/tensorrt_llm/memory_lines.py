"""What the programs of TensorRT-LLM print about the memory of a GPU, as events.

The forms by runtime and version:

- C++ runtime (run.py, trtllm-bench with an engine; 0.12 and later, at level info): `Loaded engine size: 6695
  MiB`, `[MemUsageChange] Allocated 1134.01 MiB for execution context memory.`, `... Allocated 43.29 MB GPU
  memory for runtime buffers.`, the same for the decoder, what is then available, and the KV cache with blocks
  and tokens. Units count in 1024s, whatever they are called.
- Python runtime (benchmark.py; 0.12 to 0.19): the line about the execution context without a prefix, at any
  level; TensorRT's size of the engine at level info; nothing about the KV cache.
- PyTorch (trtllm-bench; 0.20 and later): `Rank 0 uses 8.46 GB for model weights.` (0.20) or `Use 63.32 GB for
  model weights.` (1.0 and later), and what a trial run used inside and outside of PyTorch's allocator. The KV
  cache is allocated twice, for the trial run and for the benchmark: the later line counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runner import events as ev
from runner.engines.output import ParsedEvent
from runner.util.bounds import MOST_COUNT

_UNITS = {unit: 1 << (10 * power) for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))}
_UNITS |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = r"(?P<size>\d{1,9}(?:\.\d{1,6})?) (?P<unit>[KMGT]?i?B)\b"
_PROFILING = r"in memory usage profiling: "
_LINES = {
    "engine": re.compile(rf"Loaded engine size: {_SIZE}"),
    "execution": re.compile(rf"Allocated {_SIZE} for execution context memory"),
    "runtime": re.compile(rf"Allocated {_SIZE} GPU memory for runtime buffers"),
    "decoder": re.compile(rf"Allocated {_SIZE} GPU memory for decoder"),
    "cache": re.compile(rf"Allocated {_SIZE} for max tokens in paged KV cache \((?P<tokens>\d{{1,15}})\)"),
    "weights": re.compile(rf"\b[Uu]ses? {_SIZE} for model weights"),
    "loaded": re.compile(rf"after loading model weights \(inside torch\) {_PROFILING}{_SIZE}"),
    "dynamic": re.compile(rf"dynamically allocated during inference \(inside torch\) {_PROFILING}{_SIZE}"),
    "outside": re.compile(rf"Memory used outside torch \([^()]*\) {_PROFILING}{_SIZE}"),
}
_AVAILABLE = re.compile(
    r"max tokens in paged kv cache: total: (?P<total>[\d.]{1,12}) GiB,"
    r" available: (?P<available>[\d.]{1,12}) GiB"
)
_BLOCKS = re.compile(r"Number of blocks in KV cache primary pool: (?P<blocks>\d{1,15})")
_MARKS = ("Allocated ", "engine size", "model weights", " torch", " paged kv cache", "primary pool")
"""One of these is in each of the lines: most lines of output have none."""
_MOST = 64
"""Events of a stage: a program cannot fill the log with these lines."""


@dataclass(slots=True)
class MemoryParser:
    """Parses output line by line; returns an event when the lines until now say something new."""

    _bytes: dict[str, int] = field(default_factory=dict)
    _tokens: int | None = None
    _blocks: int | None = None
    _told: int = 0

    def __call__(self, line: str, t: int, stage: int) -> ParsedEvent:
        if self._told == _MOST or not any(mark in line for mark in _MARKS) or not self._read(line):
            return None
        self._told += 1
        return ev.GpuMemory(t=t, stage=stage, parts=self._parts(), tokens=self._tokens, blocks=self._blocks)

    def _read(self, line: str) -> bool:
        """Take what a line states; return whether that changes anything."""
        for name, pattern in _LINES.items():
            if (found := pattern.search(line)) and found["unit"] in _UNITS:
                tokens = int(found["tokens"]) if name == "cache" else self._tokens
                size = round(float(found["size"]) * _UNITS[found["unit"]])
                return self._set(name, size, tokens)
        if found := _BLOCKS.search(line):
            self._blocks = int(found["blocks"])  # the line with the size of the cache follows
        elif found := _AVAILABLE.search(line):
            try:
                used = float(found["total"]) - float(found["available"])
            except ValueError:
                return False
            return self._set("used", round(used * _UNITS["GiB"]), self._tokens)
        return False

    def _set(self, name: str, size: int, tokens: int | None) -> bool:
        if not 0 <= size <= MOST_COUNT or (self._bytes.get(name), self._tokens) == (size, tokens):
            return False
        self._bytes[name], self._tokens = size, tokens
        return True

    def _parts(self) -> ev.MemoryParts:
        """Return the parts; the CUDA context is what was in use before the KV cache and has no line."""
        read = self._bytes
        buffers = read.get("runtime", 0) + read.get("decoder", 0)
        execution = read.get("dynamic", read.get("execution"))
        weights = read.get("loaded", read.get("weights", read.get("engine")))
        context = read.get("outside")
        if "used" in read and weights is not None and execution is not None:
            context = max(0, read["used"] - weights - execution - buffers)
        return ev.MemoryParts(
            weights=weights,
            execution=execution,
            buffers=buffers or None,
            cache=read.get("cache"),
            context=context,
        )
