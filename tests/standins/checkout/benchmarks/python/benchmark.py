"""Stand-in for TensorRT-LLM 0.16's benchmarks/python/benchmark.py: its flags, loops, output and defects."""

from __future__ import annotations

import argparse
import multiprocessing as mp
from time import time

import torch

_TEXT_OPTIONS = {
    "--batch_size": "8",
    "--input_len": "128",
    "--input_output_len": "128,20",
    "--input_timing_cache": None,
    "--output_timing_cache": "model.cache",
    "--gpu_weights_percent": "1.0",
}
_NUMBER_OPTIONS = {"--num_beams": 1, "--top_k": 1, "--warm_up": 2, "--num_runs": 10, "--duration": 60}
_SWITCHES = ("--csv", "--enable_cuda_graph", "--dump_profile", "--dump_layer_info")
_LEVELS = ("verbose", "info", "warning", "error", "internal_error")
_QUANTIZATIONS = (
    "fp8", "fp8_gemm", "fp8_kv_cache", "int8_sq_per_tensor", "int8_sq_per_token_channel", "int8_weight_only",
    "int4_weight_only", "int4_weight_only_awq", "int4_weight_only_gptq", "int8_sq_per_channel_ootb",
)  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description="Stand-in for TensorRT-LLM's benchmark.py.")
    parser.add_argument("-m", "--model", default="dec", choices=["dec", "enc", "enc-dec"])
    parser.add_argument("--engine_dir", required=True)
    parser.add_argument("--dtype", default="float16", choices=["float16", "bfloat16", "float32"])
    parser.add_argument("--log_level", default="error", choices=_LEVELS)
    parser.add_argument("--quantization", choices=_QUANTIZATIONS)
    parser.add_argument("--top_p", type=float, default=0)
    for name, text in _TEXT_OPTIONS.items():
        parser.add_argument(name, default=text)
    for name, number in _NUMBER_OPTIONS.items():
        parser.add_argument(name, type=int, default=number)
    for name in _SWITCHES:
        parser.add_argument(name, action="store_true")
    return parser.parse_args()


def make_benchmarker(args, rank, world_size):
    from bert_benchmark import BERTBenchmark
    from enc_dec_benchmark import EncDecBenchmark
    from gpt_benchmark import GPTBenchmark

    kinds = {"dec": GPTBenchmark, "enc": BERTBenchmark, "enc-dec": EncDecBenchmark}
    return kinds[args.model](args, rank, world_size)


def main(args):
    # Importing tensorrt_llm starts MPI, which has to wait until the start method of processes is set.
    import tensorrt_llm
    from benchmark_profiler import BenchmarkProfiler
    from mem_monitor import MemoryMonitor
    from tensorrt_llm.logger import logger

    logger.set_level(args.log_level)
    for percent in args.gpu_weights_percent.split(";"):
        if not 0 <= float(percent) <= 1:
            raise Exception("--gpu_weights_percent only accepts values between 0.0 and 1.0.")

    monitored = tensorrt_llm.mpi_world_size() == 1
    benchmark_profiler = BenchmarkProfiler() if args.model == "dec" else None
    benchmarker = make_benchmarker(args, tensorrt_llm.mpi_rank(), tensorrt_llm.mpi_world_size())
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    benchmarker.print_report_header(args.csv, profiled=benchmark_profiler is not None)

    for config in benchmarker.get_config():
        try:
            benchmarker.set_weight_streaming(config)
            inputs = benchmarker.prepare_inputs(config)
        except torch.cuda.OutOfMemoryError as error:
            logger.error(f"Exception {error} caught while allocating memory; skipping {config}")
            continue
        torch.cuda.empty_cache()
        latencies = []
        if args.enable_cuda_graph:
            logger.warning("Disable host memory monitor when cuda graph is enabled.")
        if monitored:
            memory_monitor = MemoryMonitor()
            memory_monitor.start()

        # The first loop is reported, the second one (--dump_profile) only feeds the tables of layers.
        for profiling in (False, True)[: 2 if args.dump_profile and benchmark_profiler else 1]:
            if profiling:
                benchmark_profiler.set_recording_perf_profile(True)
                logger.info("Dump profile information per layer")
            iter_idx = 0
            try:
                for _ in range(args.warm_up):
                    benchmarker.run(inputs, config)
                if not profiling:
                    logger.info("Warm up done. Start benchmarking.")
                if benchmark_profiler is not None:
                    benchmark_profiler.clean()
                    benchmark_profiler.start()
                began, duration = time(), 0.0
                while iter_idx < args.num_runs or duration < args.duration:
                    start.record()
                    benchmarker.run(inputs, config, benchmark_profiler=benchmark_profiler)
                    end.record()
                    torch.cuda.synchronize()
                    latencies.append(start.elapsed_time(end))
                    iter_idx += 1
                    duration = round(time() - began, 3)
                if not profiling:
                    logger.info(f"Benchmarking done. Iteration: {iter_idx}, duration: {duration} sec.")
            except Exception as error:
                # Upstream's own defect: with_traceback needs an argument, so nothing after it happens.
                logger.error("Found exception during benchmarking", error.with_traceback())
                if monitored:
                    memory_monitor.kill()
                raise error
            if profiling:
                benchmarker.report_profiler(iter_idx)
                continue
            peak = memory_monitor.stop() if monitored else 0.0
            if benchmark_profiler is not None:
                benchmark_profiler.add_aux_info("iter_count", iter_idx)
                benchmark_profiler.stop()
            benchmarker.print_latencies(logger, latencies)
            mean = round(sum(latencies) / iter_idx, 3)
            latencies.sort()
            p95, p99 = (round(latencies[int(iter_idx * share)], 3) for share in (0.95, 0.99))
            benchmarker.report(config, mean, p95, p99, peak, benchmark_profiler)


if __name__ == "__main__":
    mp.set_start_method("spawn")
    main(parse_arguments())
