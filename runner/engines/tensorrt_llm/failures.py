"""Known failures of TensorRT-LLM's programs (seen with 0.16): text in the output, cause and remedy."""

from __future__ import annotations

import re

from runner.engines.known_failures import OUT_OF_GPU_MEMORY, OUT_OF_MEMORY, KnownFailure, known_failure

_HANG = re.compile(r"with_traceback\(\) takes exactly one argument")


def hang_reason(line: str, ranks: int) -> str | None:
    """Return why a benchmark.py with one rank that printed this line never ends; None for any other line.

    Upstream's exception handler itself fails with this TypeError, so it does not stop its memory monitor, a
    child process that Python waits for at exit. Ranks under mpirun have no monitor and end normally.
    """
    if ranks > 1 or _HANG.search(line) is None:
        return None
    return "benchmark.py has failed and waits forever for its memory monitor to end"


_REBUILD = "build the engine again on this machine (stage build)"
_SAME_WORLD = "start as many ranks as the engine was built for: parallel.tp must be its mapping.world_size"
_SMALLER = "lower build.max_batch_size, max_num_tokens and the lengths, or spread the model over more GPUs"
_SHM = "in a container give --ipc=host (or --shm-size=1g) and --ulimit memlock=-1"

# The first entry that matches a line wins, so narrower entries come first. Tracebacks show lines of source
# code: where these would match, the pattern contains what the program fills in (numbers, names).
KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    # --- starting ------------------------------------------------------------------------------------------
    known_failure(
        r"No module named '?tensorrt_llm",
        "the interpreter of the stage has no tensorrt_llm",
        "set launch.python to the interpreter that TensorRT-LLM is installed for",
    ),
    known_failure(
        r"PMI2_Init failed",
        "MPI could not start: under Slurm a process that srun did not start searches for its server",
        "start it under `mpirun -n 1`, or unset the SLURM_* variables in launch.env",
    ),
    known_failure(
        r"MPI_ERR_SPAWN",
        "MPI could not start further processes from inside the program",
        "install mpi4py >= 4.0 for the MPI in use, and start outside Slurm or under `mpirun -n 1`",
    ),
    known_failure(
        r"can't open file '[^']+\.py'",
        "a script of TensorRT-LLM is not in the source tree",
        "set paths.tensorrt_llm to a checkout of the installed version",
    ),
    known_failure(
        r"error: unrecognized arguments:",
        "a program was given an option that this version of it does not have",
        "remove the option from the profile; the program's --help lists what this version has",
    ),
    known_failure(
        r"error: (?:the following arguments are required|argument |ambiguous option)",
        "a program refused its arguments",
        "the raw log names the argument; correct it in the profile",
    ),
    # --- the engine does not fit the request ---------------------------------------------------------------
    known_failure(
        r"Engine dtype \(\w+\) != Runtime dtype \(",
        "the engine was built for another dtype than the benchmark asked for",
        "give the engine's dtype as model.dtype; convert with dtype auto takes it from the model",
    ),
    known_failure(
        r"Engine world size \([\d *]+\) != Runtime world size \(1\)",
        "the engine was built for several ranks, but every rank sees only itself",
        f"{_SAME_WORLD}; if it is, mpi4py was built for another MPI than mpirun's: install mpi4py >= 4.0",
    ),
    known_failure(
        r"Engine world size \([\d *]+\) != Runtime world size \(",
        "the engine was built for another number of ranks",
        _SAME_WORLD,
    ),
    known_failure(
        r"MPI size \d+ != TP size|mpiSize == tp \* pp",
        "the engine was built for another number of ranks",
        _SAME_WORLD,
    ),
    known_failure(
        r"engine plan file is generated on an incompatible device",
        "the engine was built for another kind of GPU",
        _REBUILD,
    ),
    known_failure(
        r"Version tag does not match",
        "the engine was built with another version of TensorRT",
        _REBUILD,
    ),
    known_failure(
        r"not compatible with this version of TensorRT, expecting library version",
        "the engine was built with another version of TensorRT",
        _REBUILD,
    ),
    known_failure(
        r"(?:Cannot find|could not find) plugin\b",
        "the plug-ins of TensorRT-LLM are not loaded, or of another version than the engine's",
        "start it with the tensorrt_llm that built the engine (launch.python), or build the engine again",
    ),
    known_failure(
        r"Failed to deserialize cuda engine",
        "the engine cannot be loaded: it is for another GPU or TensorRT version, or its file is damaged",
        _REBUILD,
    ),
    known_failure(
        r"KeyError: 'builder_config'",
        "the engine directory holds a checkpoint, or an engine of a version before 0.8",
        "give the directory that trtllm-build wrote, not the one that convert_checkpoint.py wrote",
    ),
    known_failure(
        r"No such file or directory: '[^']*rank\d+\.engine'",
        "the engine directory has no engine for one of the ranks",
        f"{_SAME_WORLD}, or build the engine again",
    ),
    known_failure(
        r"No such file or directory: '[^']*config\.json'",
        "a directory that should hold an engine, a checkpoint or a model has no config.json",
        "correct the path; it must exist where the stage runs (inside the container, if there is one)",
    ),
    known_failure(
        r"Engine built without weight streaming",
        "the engine keeps all weights on the GPU, but the benchmark asked for less",
        "build with weight_streaming, or leave gpu_weights_percent at 1.0",
    ),
    known_failure(
        r"--gpu_weights_percent only accepts values between",
        "gpu_weights_percent is outside 0 to 1",
        "give shares between 0.0 and 1.0, not percent",
    ),
    known_failure(
        r"Given beam width is different from the one used in setup",
        "benchmark.py of this version cannot measure more than one beam",
        "set num_beams to 1",
    ),
    known_failure(
        r"Python runtime only support 1 or 2 optimization profiles",
        "the engine has several optimisation profiles (as `trtllm-bench build` makes them)",
        "build it with trtllm-build and multiple_profiles disabled",
    ),
    known_failure(
        r"Tensor names in engine are not the same as expected",
        "the engine was built by another version of TensorRT-LLM, or for other options than the runtime's",
        _REBUILD,
    ),
    known_failure(
        r"Prompt length \(\d+\) exceeds maximum input length",
        "the prompt is longer than the engine takes",
        "shorten smoke.prompt or the dataset, or build with a larger max_input_len",
    ),
    known_failure(
        r"Must set crossKvCacheFraction",
        "the engine of an encoder-decoder needs a share of the KV cache for cross attention",
        "add --cross_kv_cache_fraction 0.5 to smoke.extra_args (from 0.14 on)",
    ),
    # --- the model -----------------------------------------------------------------------------------------
    known_failure(
        r"401 Client Error|403 Client Error|GatedRepoError|(?:is|to access) a gated repo",
        "the model could not be downloaded: Hugging Face requires permission for it",
        "give model.dir, a folder with the model, or HF_TOKEN in launch.env",
        may_go_on=True,
    ),
    known_failure(
        r"is not a valid model identifier|Incorrect path_or_model_id|Repository Not Found",
        "there is no such folder where the stage runs, and no such model on Hugging Face",
        "correct model.dir; for a container it is the path inside it",
    ),
    known_failure(
        r"couldn't connect to 'https://huggingface|Failed to resolve 'huggingface|LocalEntryNotFoundError",
        "the model or its tokenizer could not be downloaded: Hugging Face was not reached",
        "give model.dir, a folder with the model and its tokenizer",
        may_go_on=True,
    ),
    known_failure(
        r"Error no file named .* found in directory",
        "the model's folder has no weights",
        "download all of its files: config.json, tokenizer and *.safetensors",
    ),
    known_failure(
        r"SafetensorError: Error while deserializing",
        "a file of the weights is damaged or not complete: an ended download, or a pointer of git-lfs",
        "download the model again, and compare the sizes of its files",
    ),
    known_failure(
        r"Transformers does not recognize this architecture",
        "the installed transformers does not know the model",
        "use the version of TensorRT-LLM that supports the model; it brings its transformers",
    ),
    known_failure(
        r"requires you to execute the (?:configuration|modeling|tokenizer)",
        "the model has code of its own, which is not run without permission",
        "read that code, then set trust_remote_code where the program takes it, or use another model",
    ),
    known_failure(
        r"ImportError: This modeling file requires the following packages",
        "the model needs a Python package that is not installed",
        "install what the raw log names in the interpreter of launch.python",
    ),
    known_failure(
        r"(?:heads?|hidden_size).{0,40}must be divisible by.{0,20}(?:tp|tensor|world)",
        "the model cannot be split over this many ranks",
        "set parallel.tp to a divisor of its attention heads; `trtbench-tui doctor` says which fit",
    ),
    known_failure(
        r"does not support FP8|FP8 is (?:not|only) supported",
        "this GPU does not compute in FP8: that needs compute capability 8.9 or later",
        "use another quantisation (INT8, AWQ), or a GPU from Ada or Hopper on",
    ),
    # --- running -------------------------------------------------------------------------------------------
    known_failure(
        r"Error while creating shared memory segment /dev/shm|\bncclSystemError\b.*shm",
        "NCCL got no shared memory: /dev/shm is too small or full",
        _SHM,
    ),
    known_failure(
        r"\bNCCL (?:error|WARN .*(?:error|fail))|\bnccl(?:UnhandledCuda|System|Internal|Remote)Error\b",
        "NCCL failed between the GPUs",
        f"{_SHM}; NCCL_DEBUG=INFO in launch.env logs details, NCCL_P2P_DISABLE=1 shows if it is peer-to-peer",
    ),
    known_failure(
        r"Executing TRT engine failed step=",
        "the engine failed while it generated",
        "usually GPU memory or a shape beyond the engine's limits: lower batch_size, or raise max_num_tokens"
        " (batch size x input length) when building",
    ),
    known_failure(
        r"No such file or directory: 'nvidia-smi'",
        "benchmark.py asks nvidia-smi for the GPU's compute capability and there is none",
        "put nvidia-smi on the PATH of the stage (in a container: --gpus all)",
    ),
    known_failure(
        r"ZeroDivisionError",
        "benchmark.py divided by zero: it measured no iteration, or no token after the first",
        "use num_runs >= 1 or duration >= 1, and an output length of at least 2",
    ),
    # --- quantising ----------------------------------------------------------------------------------------
    known_failure(
        r"Failed to import modelopt|No module named '?modelopt",
        "quantize.py needs the package nvidia-modelopt, which is not installed",
        "install examples/quantization/requirements.txt in the interpreter of launch.python",
    ),
    known_failure(
        r"Unsupported quantization format: \S|Quantization supports only one quantization format",
        "quantize.py or its installed nvidia-modelopt does not know the format",
        "set another quantize.qformat, or install what examples/quantization/requirements.txt names",
    ),
    known_failure(
        r"Cannot copy out of meta tensor|offloaded to the (?:cpu|disk)|on device meta",
        "the model did not fit the GPUs, so parts of it stayed in host memory, which calibration cannot use",
        "make more GPUs visible to the stage quantize (CUDA_VISIBLE_DEVICES), or set quantize.device: cpu",
    ),
    known_failure(
        r"Unsupported dataset name or local repo directory: \S",
        "quantize.py does not know the calibration data",
        "set quantize.calib_dataset: cnn_dailymail, pileval, or a folder with split train and column text",
    ),
    known_failure(
        r"Couldn't reach '?[\w./-]+'? on the Hub|Couldn't find a dataset script|DatasetNotFoundError",
        "the calibration data could not be downloaded",
        "set quantize.calib_dataset to a folder with them",
    ),
    known_failure(
        r"Pad token for \w+ cannot be set",
        "the model's tokenizer has no token for padding, which calibration needs",
        "set pad_token in the model's tokenizer_config.json",
    ),
    known_failure(
        r"GPU is required for inference",
        "quantize.py sees no GPU",
        "make one visible: CUDA_VISIBLE_DEVICES, or --gpus all for a container",
    ),
    # --- converting and building ---------------------------------------------------------------------------
    known_failure(
        r"moe_tp_size \* moe_ep_size must equal to tp_size",
        "the experts are not spread over exactly the ranks of the model",
        "make moe_tp_size x moe_ep_size equal to parallel.tp",
    ),
    known_failure(
        r"'NoneType' object has no attribute 'lower'",
        "trtllm-build was given neither a checkpoint nor a model configuration",
        "give build.checkpoint_dir, or run the stage convert before",
    ),
    known_failure(
        r"Unsupported model architecture",
        "this version of TensorRT-LLM cannot build this model's architecture",
        "see its list of supported models, or use a newer version",
    ),
    known_failure(
        r"multiple_profiles is enabled, while opt_num_tokens is set",
        "opt_num_tokens cannot be combined with multiple profiles",
        "disable multiple_profiles (benchmark.py needs that anyway), or leave opt_num_tokens out",
    ),
    known_failure(
        r"manually TP and PP are not supported in auto parallel mode",
        "auto_parallel was asked for a checkpoint that is split already",
        "leave auto_parallel out: the checkpoint's tp decides",
    ),
    known_failure(
        r"max_workers must be greater than 0",
        "trtllm-build sees no GPU",
        "make one visible: CUDA_VISIBLE_DEVICES, or --gpus all for a container",
    ),
    known_failure(
        r"Requested amount of GPU memory \(\d+ bytes\) could not be allocated|\[TRT\].*OutOfMemory",
        OUT_OF_GPU_MEMORY,
        _SMALLER,
        may_go_on=True,
    ),
    known_failure(
        r"^(?:.*\s)?(?:\d+ )?Killed(?:\s|$)|signal 9 \(Killed\)",
        f"the kernel killed a process: {OUT_OF_MEMORY}",
        "fewer workers (build.workers, convert's workers), load_model_on_cpu off, more host memory or swap",
    ),
    known_failure(
        r"Checkpoint conversion failed, please check error log",
        "the conversion of the checkpoint failed",
        "the first traceback in the raw log has the cause",
        sums_up=True,
    ),
    known_failure(
        r"Engine building failed, please check error log",
        "TensorRT could not build the engine",
        f"the first [E] line of the raw log has the cause; often memory: {_SMALLER}",
        sums_up=True,
    ),
)
