"""A decoder that "generates": one piece of work a token, on the GPU where there is one, else by sleeping."""

from __future__ import annotations

import os
import time
from typing import Any

import torch

from tensorrt_llm import faults
from tensorrt_llm.mpi import mpi_barrier

_WIDTH = 1024


class Worker:
    """The work of one step of one rank."""

    def __init__(self, rank: int) -> None:
        self._seconds = float(os.environ.get("TRTLLM_STANDIN_STEP_MS", "0.2")) / 1000
        self._synchronous = os.environ.get("TRTLLM_STANDIN_SYNC") == "1"
        self._cuda = torch.cuda.is_available()
        if self._cuda:
            torch.cuda.set_device(rank % torch.cuda.device_count())
            self._weight = torch.randn(_WIDTH, _WIDTH, device="cuda", dtype=torch.float16) / _WIDTH**0.5
            self._state = torch.randn(_WIDTH, _WIDTH, device="cuda", dtype=torch.float16)

    def step(self) -> None:
        if self._cuda:
            self._state = torch.tanh(self._state @ self._weight)
        else:
            time.sleep(self._seconds)
        if self._synchronous:
            mpi_barrier()


class GenerationSession:
    """Prefill and decode steps of a whole batch."""

    def __init__(self, rank: int) -> None:
        self._worker = Worker(rank)
        self._output_len = 0
        self._beams = 0
        self._stop_after = int(os.environ.get("TRTLLM_STANDIN_STOP_AFTER", "0"))

    def setup(self, batch_size: int, input_len: int, output_len: int, beam_width: int) -> None:
        self._output_len = output_len
        self._beams = beam_width

    def decode(self, beam_width: int, benchmark_profiler: Any = None) -> None:
        faults.strike("work")
        if beam_width != self._beams:
            raise RuntimeError(
                "Given beam width is different from the one used in setup(),rerun the setup function with the"
                " new beam width to avoid buffer overflow."
            )
        self._worker.step()
        if benchmark_profiler is not None:
            benchmark_profiler.record_cuda_event("first_token")
        # A model may emit the hard-coded end token and stop early.
        steps = min(self._output_len, self._stop_after or self._output_len) - 1
        for _ in range(steps):
            self._worker.step()
        if benchmark_profiler is not None:
            benchmark_profiler.record_cuda_event("last_token")
            benchmark_profiler.record_elapsed_time("first_token", "last_token", "generation_time")
            benchmark_profiler.add_aux_info("generation_step_count", steps)


class EncoderSession:
    """One pass over the whole batch."""

    def __init__(self, rank: int) -> None:
        self._worker = Worker(rank)

    def encode(self) -> None:
        faults.strike("work")
        for _ in range(4):
            self._worker.step()
