"""Stand-in for examples/run.py: loads the engine of its rank and answers every prompt with the same text."""

from __future__ import annotations

import argparse
import os

import tensorrt_llm
from tensorrt_llm import faults
from tensorrt_llm.engine import Engine
from tensorrt_llm.logger import logger

_ANSWER = "Un, deux, trois, quatre, cinq,\nsix, sept, huit, neuf.\nThat is how you count to nine."


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_output_len", type=int, required=True)
    parser.add_argument("--engine_dir", default="engine_outputs")
    parser.add_argument("--tokenizer_dir")
    parser.add_argument("--input_text", nargs="+", default=["Born in north-east France, Soyer trained as a"])
    parser.add_argument("--input_file")
    parser.add_argument("--max_input_length", type=int, default=923)
    parser.add_argument("--num_beams", type=int, default=1)
    parser.add_argument("--num_return_sequences", type=int)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top_k", type=int, default=1)
    parser.add_argument("--top_p", type=float, default=0.0)
    parser.add_argument("--kv_cache_free_gpu_memory_fraction", type=float)
    parser.add_argument("--gpu_weights_percent", type=float, default=1.0)
    parser.add_argument("--log_level", default="info")
    parser.add_argument("--streaming_interval", type=int, default=5)
    for switch in ("use_py_session", "streaming", "run_profiling", "no_prompt_template", "cuda_graph_mode"):
        parser.add_argument(f"--{switch}", action="store_true")
    return parser.parse_args()


def main(args):
    logger.set_level(args.log_level)
    rank = tensorrt_llm.mpi_rank()
    decoder = os.path.join(args.engine_dir, "decoder")
    Engine(decoder if os.path.isdir(decoder) else args.engine_dir, rank, tensorrt_llm.mpi_world_size(), None)
    logger.info("Using Python session" if args.use_py_session else "Using C++ session")
    faults.strike("work")
    if rank != 0:
        return
    answer = os.environ.get("TRTLLM_STANDIN_ANSWER", _ANSWER)
    for number, prompt in enumerate(args.input_text):
        print(f'Input [Text {number}]: "{prompt}"')
        for sequence in range(args.num_return_sequences or 1):
            for beam in range(args.num_beams):
                which = f" Seq {sequence}" if (args.num_return_sequences or 1) > 1 else ""
                print(f'Output [Text {number}{which} Beam {beam}]: "{answer}"')
    if args.run_profiling:
        print(f"batch_size: {len(args.input_text)}, avg latency of 10 iterations: : 0.1234 sec")


if __name__ == "__main__":
    main(parse_arguments())
