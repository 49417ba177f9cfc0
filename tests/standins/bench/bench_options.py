"""The options of trtllm-bench, version by version, parsed and explained as click does."""

from __future__ import annotations

import sys

Number = tuple[int, ...]
Options = dict[str, tuple[str, ...] | None]
"""Name -> choices, empty: any value; None: a flag"""

_RUN: Options = {
    "engine_dir": (), "kv_cache_free_gpu_mem_fraction": (), "dataset": (), "num_requests": (),
}  # fmt: skip
_BUILD: Options = {
    "tp_size": (), "pp_size": (), "quantization": (), "dataset": (), "max_batch_size": (),
    "max_num_tokens": (),
}  # fmt: skip
_WORLD: Options = {"tp": (), "pp": (), "report_json": (), "max_seq_len": (), "extra_llm_api_options": ()}


def options_of(part: str, version: Number) -> Options:
    """Options of a part of the tool."""
    if part == "group":
        path: Options = {"model_path": (), "log_level": ()} if version >= (0, 17) else {}
        return {"model": (), "workspace": ()} | path
    if part == "build":
        longest = "max_seq_len" if version >= (0, 17) else "max_seq_length"
        target: Options = {"target_input_len": (), "target_output_len": ()} if version >= (0, 17) else {}
        return _BUILD | {longest: ()} | target
    found = dict(_RUN)
    if version >= (0, 18):
        backends = ("pytorch", "_autodeploy", *(("tensorrt",) if version >= (1, 0) else ()))
        found |= _WORLD | {"backend": backends, "warmup": (), "concurrency": ()}
    if version >= (0, 19):
        found |= {"ep": (), "iteration_log": ()}
    if part == "latency":
        return found | {"warmup": (), "medusa_choices": ()}
    found |= {
        "streaming": None,
        "beam_width": (),
        "max_batch_size": (),
        "max_num_tokens": (),
        "request_rate": (),
    }
    if (0, 16) <= version < (0, 17):
        found["iteration_log"] = ()
    if version >= (0, 18):
        found |= {"eos_id": (), "enable_chunked_context": None}
    if version >= (1, 0):
        found |= {
            "scheduler_policy": ("guaranteed_no_evict", "max_utilization"),
            "output_json": (),
            "request_json": (),
        }
    if version >= (1, 1):
        found["disable_chunked_context"] = None
    return found


def parse(words: list[str], version: Number) -> tuple[dict[str, str], str, dict[str, str]]:
    """Options of the group, the command, and its options; exits as click does when they are wrong."""
    rest = list(words)
    group = _take(rest, "group", version)
    if not rest:
        fail("Missing command.")
    command = rest.pop(0)
    if "model" not in group:
        fail("Missing option '--model' / '-m'.")
    known = ["throughput", "build"] + (["latency"] if version >= (0, 15) else [])
    if command not in known:
        fail(f"No such command '{command}'.")
    options = _take(rest, command, version)
    if rest:
        fail(f"Got unexpected extra argument ({rest[0]})")
    return {"workspace": "/tmp"} | group, command, options


def _take(rest: list[str], part: str, version: Number) -> dict[str, str]:
    known = options_of(part, version)
    found: dict[str, str] = {}
    while rest and rest[0].startswith("--"):
        name = rest.pop(0).removeprefix("--")
        if name == "help":
            explain(part, known)
        if name not in known:
            fail(f"No such option: --{name}")
        choices = known[name]
        if choices is None:
            found[name] = ""
            continue
        if not rest:
            fail(f"Option '--{name}' requires an argument.")
        found[name] = rest.pop(0)
        if choices and found[name] not in choices:
            fail(f"Invalid value for '--{name}': {found[name]!r} is not one of {', '.join(choices)}.")
    return found


def explain(part: str, known: Options) -> None:
    """What --help prints."""
    name = "trtllm-bench" if part == "group" else f"trtllm-bench {part}"
    print(f"Usage: {name} [OPTIONS]\n\n  Run a benchmark.\n\nOptions:\n  Engine run configuration.:")
    for option, choices in known.items():
        kind = "" if choices is None else f" [{'|'.join(choices)}]" if choices else " TEXT"
        print(f"    {f'--{option}{kind}':<38}  What it does; not --another one.  [default: 1]")
    print("  --help                                Show this message and exit.")
    sys.exit(0)


def fail(text: str) -> None:
    print(
        f"Usage: trtllm-bench [OPTIONS]\nTry 'trtllm-bench --help' for help.\n\nError: {text}",
        file=sys.stderr,
    )
    sys.exit(2)
