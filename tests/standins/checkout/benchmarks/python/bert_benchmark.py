"""Encoders: shapes that do not fit are skipped silently."""

from __future__ import annotations

import torch
from base_benchmark import BaseBenchmark, numbers
from tensorrt_llm.generation import EncoderSession


class BERTBenchmark(BaseBenchmark):
    def __init__(self, args, rank, world_size):
        super().__init__(args, rank, world_size)
        self.encoder = EncoderSession(rank)

    def get_config(self):
        for inlen in numbers(self.args.input_len):
            for batch_size in numbers(self.args.batch_size):
                limits = self.engine.limits
                if inlen <= limits["max_input_len"] and batch_size <= limits["max_batch_size"]:
                    for percent in self.percents:
                        yield batch_size, inlen, percent

    def prepare_inputs(self, config):
        return self.allocate(config)

    def run(self, inputs, config, benchmark_profiler=None):
        self.encoder.encode()
        torch.cuda.synchronize()
