"""Encoder-decoders: two engines, in `encoder/` and `decoder/`; the report describes the encoder, per rank."""

from __future__ import annotations

import os

from base_benchmark import BaseBenchmark, numbers, pairs
from tensorrt_llm.engine import Engine
from tensorrt_llm.generation import EncoderSession, GenerationSession


class EncDecBenchmark(BaseBenchmark):
    def __init__(self, args, rank, world_size):
        super().__init__(args, rank, world_size)
        self.encoder = EncoderSession(rank)
        self.decoder = GenerationSession(rank)

    def load(self):
        encoder, self.decoder_engine = (
            Engine(os.path.join(self.args.engine_dir, part), self.rank, self.world_size, self.args.dtype)
            for part in ("encoder", "decoder")
        )
        return encoder

    def get_config(self):
        longest = self.decoder_engine.limits["max_encoder_input_len"]
        most = self.decoder_engine.limits["max_seq_len"]
        largest = self.decoder_engine.limits["max_batch_size"]
        for inlen, outlen in pairs(self.args.input_output_len):
            if inlen > longest or outlen > most:
                print(
                    f"[WARNING] check inlen({inlen}) <= max_inlen({longest}) and"
                    f" outlen({outlen}) <= max_seqlen({most}) failed, skipping."
                )
                continue
            for batch_size in numbers(self.args.batch_size):
                if batch_size > largest:
                    print(
                        f"[WARNING] check batch_size({batch_size}) <= max_batch_size({largest})"
                        " failed, skipping."
                    )
                    continue
                for percent in self.percents:
                    yield batch_size, inlen, outlen, percent

    def prepare_inputs(self, config):
        return self.allocate(config)

    def run(self, inputs, config, benchmark_profiler=None):
        batch_size, inlen, outlen = config[:3]
        self.encoder.encode()
        self.decoder.setup(batch_size, inlen, outlen, beam_width=self.args.num_beams)
        self.decoder.decode(beam_width=self.args.num_beams)

    def heads(self):
        query, key_value = super().heads()
        return query // self.world_size, key_value // self.world_size

    def hidden_share(self):
        return self.world_size
