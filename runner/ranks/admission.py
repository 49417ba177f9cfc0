"""Whether the model and each configuration fit into the memory of the devices, before it is allocated."""

from __future__ import annotations

import torch

from runner.ranks.collectives import Collectives
from runner.ranks.device import free_memory, reset_memory
from runner.ranks.errors import MemoryLackError, StartError
from runner.ranks.memory import ELEMENT_BYTES, MemoryNeed, configuration_need, describe_lack, weights_need
from runner.ranks.shape import DecoderShape
from runner.ranks.summary import BenchmarkConfiguration


class Admission:
    """Admits configurations of one run; all ranks take the same decisions, between the timed regions."""

    def __init__(
        self,
        shape: DecoderShape,
        precision: str,
        device: torch.device,
        collectives: Collectives,
        *,
        loaded: bool = False,
        quantized: bool = False,
    ) -> None:
        """`loaded` and `quantized` as in `weights_need`."""
        self._shape = shape
        self._element = ELEMENT_BYTES[precision]
        self._device = device
        self._collectives = collectives
        self._loaded = loaded
        self._quantized = quantized
        self._too_large: tuple[int, BenchmarkConfiguration] | None = None
        """bytes of cache and execution of the smallest configuration that did not fit"""

    def admit_weights(self) -> None:
        """Check that the weights fit, before they are built.

        Raises:
            StartError: they do not.
        """
        free = free_memory(self._device)
        world = self._collectives.world
        kinds = {"loaded": self._loaded, "quantized": self._quantized}
        need = weights_need(self._shape, world, self._element, **kinds)
        if free is not None and need.required > free[0]:
            raise StartError(
                f"rank {self._collectives.rank}: the model does not fit on {self._device}:"
                f" {describe_lack(need, *free)}; raise parallel.tp, or take a smaller model or dtype"
            )

    def admit(self, configuration: BenchmarkConfiguration) -> None:
        """Check that a configuration fits, and release what earlier ones left.

        Raises:
            MemoryLackError: it does not, or a configuration that needs less did not; on every rank.
        """
        reset_memory(self._device)
        need = self._need(configuration)
        if self._too_large is not None and need >= self._too_large[0]:
            raise MemoryLackError(f"not tried: {self._too_large[1]} needs no more and did not fit")
        free = free_memory(self._device)
        lack = free is not None and need > free[0]
        if not self._collectives.all_agree(not lack):
            held = self.need_of(configuration)
            other = f"rank {self._collectives.rank} has enough and another one has not"
            # The weights are allocated, so they are part of the sum and of what may be used.
            room = None if free is None else (free[0] + held.weights, free[1])
            raise MemoryLackError(describe_lack(held, *room) if lack and room else other)

    def reject(self, configuration: BenchmarkConfiguration) -> None:
        """Remember that a configuration did not fit: those that need as much are not tried."""
        need = self._need(configuration)
        if self._too_large is None or need < self._too_large[0]:
            self._too_large = need, configuration

    def need_of(self, configuration: BenchmarkConfiguration) -> MemoryNeed:
        """Return the bytes that a configuration needs, with the weights."""
        world, sizes = self._collectives.world, configuration.sizes
        kinds = {"loaded": self._loaded, "quantized": self._quantized}
        return configuration_need(self._shape, world, self._element, *sizes, **kinds)

    def _need(self, configuration: BenchmarkConfiguration) -> int:
        """Return the bytes of cache and execution; the weights are allocated already."""
        need = self.need_of(configuration)
        return need.cache + need.execution
