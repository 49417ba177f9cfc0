"""The fastest generation that a device can run: CUDA graphs of fused kernels, or single operations."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import torch

from runner.ranks.collectives import allocate_together
from runner.ranks.decoder import Decoder
from runner.ranks.device import compute_capability, label_of
from runner.ranks.generation import EagerGeneration, Generation, first_steps, rehearse
from runner.ranks.tile_cache import TileCache

if TYPE_CHECKING:
    from runner.ranks.fused import TileSource

WARM_UP = 2
"""Runs before a capture: they compile kernels and let libraries allocate."""
FIRST_WITH_PDL = (9, 0)
"""compute capability of the first GPUs with programmatic dependent launch"""
FIRST_WITH_FP8 = (8, 9)
"""the same for the conversion of float8_e4m3fn"""


Graphs: TypeAlias = tuple[torch.cuda.CUDAGraph, torch.cuda.CUDAGraph]
"""of the prefill and of a decode step"""
Pool: TypeAlias = tuple[int, int]
"""identity of the memory that graphs share"""
Step = Literal["tiles", "graphs"]
"""of the preparation: tile sizes are chosen; kernels are compiled and graphs captured"""


class Prepared(NamedTuple):
    """How a configuration was prepared."""

    tiles_s: float
    graphs_s: float
    tiles: TileSource


class GraphGeneration:
    """Replays one CUDA graph for the prefill and one for each decode step."""

    def __init__(
        self,
        decoder: Decoder,
        prompt: torch.Tensor,
        output_len: int,
        tiles: TileCache,
        announce: Callable[[Step], None] = lambda _: None,
    ) -> None:
        """Choose tile sizes, compile the kernels and capture the graphs.

        Args:
            decoder: the model.
            prompt: [batch, input_len] int64 on the GPU.
            output_len: number of tokens to generate.
            tiles: the chosen tiles, which this completes.
            announce: called when a step of the preparation begins.

        Raises:
            MemoryLackError: it does not fit on one of the ranks.
            torch.cuda.OutOfMemoryError: it does not fit on a single rank.
        """
        from runner.ranks.fused import FusedStep  # imports Triton

        pdl = torch.cuda.get_device_capability(prompt.device) >= FIRST_WITH_PDL
        step = allocate_together(
            decoder.collectives,
            lambda: FusedStep(decoder, prompt, output_len, pdl=pdl),
        )
        self.tokens = step.tokens
        self._step = step
        announce("tiles")
        began = time.monotonic()
        source = allocate_together(decoder.collectives, lambda: step.choose_tiles(tiles))
        torch.cuda.synchronize()
        chosen = time.monotonic()
        announce("graphs")
        self._prefill, self._decode = _capture_together(decoder, step)
        torch.cuda.synchronize()
        self.prepared = Prepared(chosen - began, time.monotonic() - chosen, source)

    def prefill(self) -> None:
        self._prefill.replay()

    def decode(self) -> None:
        self._decode.replay()


def _capture_together(decoder: Decoder, step: Generation) -> Graphs:
    """Capture the graphs on all ranks; if memory runs out on one of them, no rank continues.

    Several ranks first run and capture everything alone. The graphs of that rehearsal keep its memory until
    those with communication are captured in it, so no other program can take it meanwhile. A capture runs
    nothing, so no rank waits for one that fails in it.

    Raises:
        MemoryLackError: on every rank, if memory ran out on one.
    """
    pool = torch.cuda.graph_pool_handle()
    rehearsed = rehearse(decoder, lambda: _warm_up_and_capture(step, pool))
    if rehearsed is None:
        return allocate_together(decoder.collectives, lambda: _warm_up_and_capture(step, pool))
    torch.cuda.empty_cache()  # of the warm-up: memory of one stream is of no use to another
    return allocate_together(decoder.collectives, lambda: _capture(step, pool))


def _warm_up_and_capture(step: Generation, pool: Pool) -> Graphs:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            first_steps(step)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    return _capture(step, pool)


def _capture(step: Generation, pool: Pool) -> Graphs:
    """Return the graphs of the prefill and of a decode step; the second is empty if there is none.

    What they allocate comes from `pool`, as far as other graphs there have left it.
    """
    prefill, decode = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
    # If a capture ends with an error, `torch.cuda.graph` leaves its own stream as the current one.
    with torch.cuda.stream(torch.cuda.current_stream()):
        # The thread of NCCL's watchdog calls CUDA, too; only calls of this thread belong to the capture.
        with torch.cuda.graph(prefill, pool=pool, capture_error_mode="thread_local"):
            step.prefill()
        if step.tokens.shape[1] > 1:
            with torch.cuda.graph(decode, pool=pool, capture_error_mode="thread_local"):
                step.decode()
    return prefill, decode


class Preparation:
    """Prepares the generation of configurations in the fastest way that device and libraries allow."""

    def __init__(self, decoder: Decoder, cache: str | None = None) -> None:
        """`cache`: the folder that keeps the tile sizes for later runs; None: they are not kept."""
        self._decoder = decoder
        self.uses_graphs, self.description = _method(decoder)
        """`description`: what runs, and why it is not something faster"""
        on_gpu = decoder.weights.embedding.is_cuda
        self.is_slow = not self.uses_graphs and (on_gpu or decoder.weights.quantization is not None)
        """whether another device or version would run something much faster"""
        self._tiles = TileCache(cache, _identity(decoder)) if self.uses_graphs else TileCache()

    def prepare(
        self, prompt: torch.Tensor, output_len: int, announce: Callable[[Step], None] = lambda _: None
    ) -> GraphGeneration | EagerGeneration:
        """Return the generation of a configuration, ready to be timed; `prompt` is [batch, input_len].

        `announce` is called when a step of the preparation begins.

        Raises:
            MemoryLackError: on every rank, if it does not fit on one of several.
            torch.cuda.OutOfMemoryError: it does not fit on a single rank.
        """
        if not self.uses_graphs:
            generation = EagerGeneration(self._decoder, prompt, output_len)
            rehearse(self._decoder, lambda: first_steps(generation))
            return generation
        graphs = GraphGeneration(self._decoder, prompt, output_len, self._tiles, announce)
        if graphs.prepared.tiles == "measured" and self._decoder.collectives.rank == 0:
            self._tiles.save()
        return graphs


def _identity(decoder: Decoder) -> dict[str, str | int]:
    """Return what the best tiles of a model depend on, except batch and lengths."""
    import triton

    like, layer = decoder.weights.embedding, decoder.weights.layers[0]
    names = ("kernels.py", "attention_kernels.py", "tiles.py", "fused.py")
    own = (Path(__file__).with_name(name).read_bytes() for name in names)
    return {
        "gpu": label_of(like.device),
        "compute_capability": compute_capability(like.device),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "kernels": hashlib.sha256(b"".join(own)).hexdigest()[:16],
        "dtype": str(like.dtype),
        "quantization": decoder.weights.quantization or "none",
        "layers": len(decoder.weights.layers),
        "heads": f"{decoder.query_heads} of {decoder.shape.width_of_head}, {decoder.key_heads}",
        "qkv": "x".join(map(str, layer.qkv.shape)),
        "gate_up": "x".join(map(str, layer.gate_up.shape)),
        "head": "x".join(map(str, decoder.weights.head.shape)),
    }


def _method(decoder: Decoder) -> tuple[bool, str]:
    device, kind = decoder.weights.embedding.device, decoder.weights.quantization
    if device.type != "cuda":
        return (
            False,
            f"single operations, each dequantising its {kind} weights" if kind else "single operations",
        )
    if kind == "fp8" and torch.cuda.get_device_capability(device) < FIRST_WITH_FP8:
        return False, "single operations, because the kernels read fp8 from compute capability 8.9 on"
    try:
        from runner.ranks.fused import is_supported
    except ImportError as error:
        return False, f"single operations, because Triton cannot be loaded: {error}"
    if not is_supported(decoder.shape):
        width = decoder.shape.width_of_head
        return False, f"single operations, because the kernels do not support heads of width {width}"
    return True, "CUDA graphs of fused kernels"
