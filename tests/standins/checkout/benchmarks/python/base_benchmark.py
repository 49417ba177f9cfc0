"""Code shared by the three kinds of benchmark: shape checks, the report line and the CSV."""

from __future__ import annotations

import os
import subprocess

import torch
from tensorrt_llm.engine import Engine
from tensorrt_llm.quantization import quant_mode

_GENERATION = ("generation_time(ms)", "total_generated_tokens", "generation_tokens_per_second")
_COLUMNS = (
    "engine_dir", "world_size", "num_heads", "num_kv_heads", "num_layers", "hidden_size", "vocab_size",
    "precision", "batch_size", "gpu_weights_percent", "input_length", "output_length", "gpu_peak_mem(gb)",
    "build_time(s)", "tokens_per_sec", "percentile95(ms)", "percentile99(ms)", "latency(ms)", "compute_cap",
    "quantization",
)  # fmt: skip


def numbers(text):
    return [int(part) for part in text.split(";")]


def pairs(text):
    return [tuple(int(part) for part in pair.split(",")) for pair in text.split(";")]


def compute_cap():
    answer = subprocess.run(
        ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv"], capture_output=True, text=True, check=True
    )
    return "sm" + answer.stdout.split("\n")[1].replace(".", "").strip()


class BaseBenchmark:
    build_time = 0

    def __init__(self, args, rank, world_size):
        self.args = args
        self.rank = rank
        self.world_size = world_size
        self.engine_name = os.path.basename(os.path.normpath(args.engine_dir))
        self.percents = [float(percent) for percent in args.gpu_weights_percent.split(";")]
        self.engine = self.load()

    def load(self):
        return Engine(self.args.engine_dir, self.rank, self.world_size, self.args.dtype)

    def set_weight_streaming(self, config):
        if config[-1] != 1.0:
            assert self.engine.limits.get("weight_streaming"), (
                "Engine built without weight streaming. Cannot set gpu_weights_percent to a value other"
                " than 1."
            )

    def allocate(self, config):
        limit = int(os.environ.get("TRTLLM_STANDIN_PREPARE_OOM", "0"))
        if limit and config[0] >= limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return torch.randint(100, (config[0], config[1]))

    # --- reporting ---------------------------------------------------------------------------------------

    def print_report_header(self, csv, profiled):
        if csv and self.rank == 0:
            self.print_csv(_COLUMNS + (_GENERATION if profiled else ()))

    def print_csv(self, cells):
        line = ",".join(str(cell) for cell in cells)
        print(line)
        fp8 = int("FP8_QDQ" in repr(self.quantization()))
        name = f"{self.engine_name}_{self.args.dtype}_tp{self.world_size}__fp8linear{fp8}_{compute_cap()}.csv"
        with open(name, "a") as file:
            file.write(line + "\n")

    def quantization(self):
        return quant_mode(self.engine.model.get("quantization", {}))

    def print_latencies(self, logger, latencies):
        if len(latencies) <= 20:
            logger.info(f"Latencies: {latencies}")
            return
        first, last = (", ".join(map(str, part)) for part in (latencies[:10], latencies[-10:]))
        logger.info(f"Latencies: [{first}...{last}]")

    def heads(self):
        return self.engine.model["num_attention_heads"], self.engine.model["num_key_value_heads"]

    def report(self, config, latency, percentile95, percentile99, peak, profiler):
        if self.rank == 0:
            self.print_result(config, latency, percentile95, percentile99, peak, profiler)
        if self.args.dump_layer_info:
            print(f"Layer information of rank {self.rank}: 3 layers")

    def print_result(self, config, latency, percentile95, percentile99, peak, profiler):
        model = self.engine.model
        batch_size, input_len, *output_len, percent = config
        rate = round(batch_size * output_len[0] / (latency / 1000), 2) if output_len else "n/a"
        cells = [
            self.engine_name, self.world_size, *self.heads(), model["num_hidden_layers"],
            model["hidden_size"] // self.hidden_share(), model["vocab_size"], self.args.dtype, batch_size,
            percent, input_len, output_len[0] if output_len else "n/a", peak, self.build_time, rate,
            percentile95, percentile99, latency, compute_cap(), self.quantization(),
        ]  # fmt: skip
        names = _COLUMNS
        if profiler is not None:
            names += _GENERATION
            cells += self.generation(batch_size, profiler)
        if self.args.csv:
            self.print_csv(cells)
        else:
            pairs = " ".join(f"{name} {cell}" for name, cell in zip(names, cells, strict=True))
            print(f"[BENCHMARK] {pairs}")

    def hidden_share(self):
        return 1

    def generation(self, batch_size, profiler):
        iterations = profiler.get_aux_info("iter_count")
        mean = round(profiler.get_timer_value("generation_time") / iterations, 3)
        tokens = (
            profiler.get_aux_info("generation_step_count") * batch_size * self.args.num_beams / iterations
        )
        return [mean, tokens, round(tokens * 1000 / mean, 3)]
