"""Known failures of trtllm-bench: text in the output, cause and remedy."""

from __future__ import annotations

from runner.engines.known_failures import OUT_OF_GPU_MEMORY, KnownFailure, known_failure
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES as OF_TENSORRT_LLM

_SPAWN = (
    "unset the SLURM_* and PMI* variables in launch.env, or start trtbench-tui in a plain shell of the node"
    " (under Slurm: srun --overlap --pty bash); mpi4py must be 4.0 or later and built for the MPI in use"
)

KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    # --- starting ------------------------------------------------------------------------------------------
    known_failure(
        r"(?i)\bPRTE\b.*(?:error|fail|unable|lost|not|has)|prte_init|PRTE_ERROR",
        "trtllm-bench could not spawn its ranks: Open MPI's launcher (PRRTE) refused",
        _SPAWN,
    ),
    known_failure(
        r"MPI_ERR_SPAWN|MPI_Comm_spawn",
        "trtllm-bench could not spawn its ranks through MPI",
        _SPAWN,
    ),
    known_failure(
        r"PMI2_Init failed|(?i:srun: error)|OMPI was not built with SLURM",
        "trtllm-bench could not spawn its ranks: under Slurm, MPI searches for a server that does not exist",
        _SPAWN,
    ),
    known_failure(
        r"Error: No such option|No such option:",
        "trtllm-bench was given an option that this version of it does not have",
        "remove it from the profile; `trtllm-bench --model any throughput --help` lists all options",
    ),
    known_failure(
        r"Error: No such command",
        "this version of trtllm-bench has no such command",
        "set benchmark.command: throughput, or use a later version",
    ),
    known_failure(
        r"Error: (?:Invalid value|Missing option|Missing parameter|Got unexpected)",
        "trtllm-bench refused its arguments",
        "the raw log names it; correct it in the profile",
    ),
    # --- model, engine and dataset do not fit --------------------------------------------------------------
    known_failure(
        r"is not a model that is configured for benchmarking",
        "trtllm-bench build of this version does not know the model",
        "use engine: trtllm, or build with trtllm-build and give paths.engine_dir",
    ),
    known_failure(
        r"is not a supported configuration\.\s*Please specify a valid benchmark configuration",
        "trtllm-bench build of this version has no limits for this model at this tp and pp",
        "try another parallel.tp, or set build.by: limits with max_batch_size and max_num_tokens",
    ),
    known_failure(
        r"batch size greater than 1 should be used for throughput benchmarking",
        "the engine takes one sequence at a time, which throughput of this version rejects",
        "build for a larger batch, or set benchmark.command: latency",
    ),
    known_failure(
        r"Engine supports a max sequence of \d+",
        "a request is longer than the engine takes",
        "shorten the dataset, or build the engine for it (build.by: dataset)",
    ),
    known_failure(
        r"Parallelism mapping of TP\d+-PP\d+ is",
        "trtllm-bench builds for up to 8 GPUs",
        "lower parallel.tp x parallel.pp, or give paths.engine_dir",
    ),
    known_failure(
        r"max_seq_len is not a runtime parameter for C\+\+ backend",
        "an engine has its longest sequence built in",
        "remove benchmark.max_seq_len",
    ),
    known_failure(
        r"Requests failed: ",
        "requests failed while they were measured",
        "the raw log says why; often a request is longer than max_num_tokens or max_seq_len allow",
    ),
    known_failure(
        r"AssertionError: Benchmark failed",
        "not every request came back, so trtllm-bench reports nothing",
        "the first error in the raw log has the cause",
    ),
    known_failure(
        r"iteration_log.*(?:No such file|not found)|IterationWriter.*No such file",
        "the folder of the iteration log was not there, so trtllm-bench could not write it",
        "set benchmark.iteration_log: false",
    ),
    known_failure(
        r"no module named '?(?:zmq|click_option_group)|No module named '?(?:zmq|click_option_group)",
        "trtllm-bench lacks a package it needs",
        "install TensorRT-LLM's requirements in the interpreter of launch.python",
    ),
    known_failure(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|Failed to allocate .*KV cache",
        OUT_OF_GPU_MEMORY,
        "lower benchmark.kv_cache_free_gpu_mem_fraction, max_batch_size or the lengths, or raise parallel.tp",
    ),
    *OF_TENSORRT_LLM,
)
