"""The fastest generation that a device can run: CUDA graphs of fused kernels, or single operations."""

from __future__ import annotations

import torch

from runner.ranks.collectives import allocate_together
from runner.ranks.decoder import Decoder
from runner.ranks.generation import EagerGeneration, Generation
from runner.ranks.tiles import Tile

WARM_UP = 2
"""Runs before a capture: they compile kernels and let libraries allocate."""
FIRST_WITH_PDL = (9, 0)
"""compute capability of the first GPUs with programmatic dependent launch"""


class GraphGeneration:
    """Replays one CUDA graph for the prefill and one for each decode step."""

    def __init__(
        self, decoder: Decoder, prompt: torch.Tensor, output_len: int, tiles: dict[int, dict[str, Tile]]
    ) -> None:
        """Compile the kernels and capture the graphs.

        Args:
            decoder: the model.
            prompt: [batch, input_len] int64 on the GPU.
            output_len: number of tokens to generate.
            tiles: the best tiles by batch and matrix, which this completes.

        Raises:
            MemoryLackError: the cache and the buffers do not fit on one of the ranks.
        """
        from runner.ranks.fused import FusedStep  # imports Triton

        pdl = torch.cuda.get_device_capability(prompt.device) >= FIRST_WITH_PDL
        batch = prompt.shape[0]
        step = allocate_together(
            decoder.collectives,
            lambda: FusedStep(decoder, prompt, output_len, pdl=pdl, tiles=tiles.get(batch)),
        )
        self.tokens = step.tokens
        self._step = step
        if batch not in tiles:
            tiles[batch] = step.choose_tiles()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step.prefill()
                if output_len > 1:
                    step.decode()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        self._prefill, self._decode = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        # The thread of NCCL's watchdog calls CUDA, too; only calls of this thread belong to the capture.
        with torch.cuda.graph(self._prefill, capture_error_mode="thread_local"):
            step.prefill()
        if output_len > 1:
            pool = self._prefill.pool()
            with torch.cuda.graph(self._decode, pool=pool, capture_error_mode="thread_local"):
                step.decode()

    def prefill(self) -> None:
        self._prefill.replay()

    def decode(self) -> None:
        self._decode.replay()


class Preparation:
    """Prepares the generation of configurations in the fastest way that device and libraries allow."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._tiles: dict[int, dict[str, Tile]] = {}
        self.uses_graphs, self.description = _method(decoder)
        """`description`: what runs, and why it is not something faster"""

    def prepare(self, prompt: torch.Tensor, output_len: int) -> Generation:
        """Return the generation of a configuration, ready to be timed; `prompt` is [batch, input_len]."""
        if self.uses_graphs:
            return GraphGeneration(self._decoder, prompt, output_len, self._tiles)
        return EagerGeneration(self._decoder, prompt, output_len)


def _method(decoder: Decoder) -> tuple[bool, str]:
    if decoder.weights.embedding.device.type != "cuda":
        return False, "single operations"
    try:
        from runner.ranks.fused import is_supported
    except ImportError as error:
        return False, f"single operations, because Triton cannot be loaded: {error}"
    if not is_supported(decoder.shape):
        width = decoder.shape.width_of_head
        return False, f"single operations, because the kernels do not support heads of width {width}"
    return True, "CUDA graphs of fused kernels"
