"""trtllm-bench of several versions: its options, phases, files, reports and defects; it computes nothing.

Its version is that of the package `tensorrt_llm` that its interpreter finds. README.md in `standins/`
lists the knobs.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from bench_options import options_of, parse
from bench_report import report_as_json, report_as_text
from launched_ranks import ask

VERSION = importlib.metadata.version("tensorrt_llm")
NUMBER = tuple(int(part) for part in VERSION.split(".")[:2])
STEP_S = float(os.environ.get("TRTLLM_STANDIN_STEP_MS", "0.5")) / 1000
FAULT = os.environ.get("TRTLLM_STANDIN_BENCH_FAULT", "")
CHILD = "import time; time.sleep(3600)"


def main(words: list[str]) -> None:
    group, command, options = parse(words, NUMBER)
    print(f"[TensorRT-LLM] TensorRT-LLM version: {VERSION}", flush=True)
    _strike("import")
    ranks = _spawn(options)
    try:
        if command == "build":
            _build(group, options)
        else:
            _measure(group, command, options)
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()


def info(text: str) -> None:
    print(f"[{time.strftime('%m/%d/%Y-%H:%M:%S')}] [TRT-LLM] [I] {text}", flush=True)


def _spawn(options: dict[str, str]) -> list[subprocess.Popen[bytes]]:
    """Start ranks, each in its own session, as MPI's daemon does; those of a launcher have been started."""
    count = int(options.get("tp", options.get("tp_size", "1"))) * int(options.get("pp", "1"))
    if options.get("engine_dir"):
        mapping = _engine(options)["pretrained_config"]["mapping"]
        count = mapping["tp_size"] * mapping["pp_size"]
    if "TLLM_SPAWN_PROXY_PROCESS" in os.environ:
        found = int(ask("ranks"))
        if found != count:
            raise RuntimeError(f"the launcher has {found} ranks, and {count} are needed")
        return []
    return [
        subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
        for _ in range(count if count > 1 else 0)
    ]


def _strike(where: str) -> None:
    """Return the requested fault if it belongs here."""
    texts: dict[str, tuple[str, list[str]]] = {
        "prte": ("import", ["PRTE ERROR: Bad parameter in file prte_init.c at line 212"]),
        "spawn": ("import", ["mpi4py.MPI.Exception: MPI_ERR_SPAWN: could not spawn processes"]),
        "slurm": ("import", ["PMI2_Init failed to initialize.  Return code: 14"]),
        "gated": ("dataset", ["OSError: You are trying to access a gated repo.", "401 Client Error."]),
        "oom": ("load", ["torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."]),
        "failed": ("measure", ["ValueError: Requests failed: request is too long (3 requests)"]),
    }
    if FAULT in texts and texts[FAULT][0] == where:
        print("Traceback (most recent call last):")
        for line in texts[FAULT][1]:
            print(line, flush=True)
        os._exit(1)
    if f"hang@{where}" == FAULT:
        _hang()
    if f"crash@{where}" == FAULT:
        os.kill(os.getpid(), signal.SIGSEGV)
    if FAULT == "garbage" and where == "measure":
        _print_bytes(bytes(range(256)) * 40 + b"\x1b[2J\xff\xfe" + b"x" * (3 << 20))
        raise ValueError("the first cause")
    if FAULT == "flood" and where == "measure":
        print("ValueError: Requests failed: request is too long (3 requests)")
        line = b"[TRT-LLM] [W] the same line, over and over, that nobody will ever read\n"
        for _ in range(int(os.environ.get("TRTLLM_STANDIN_FLOOD_MIB", "100"))):
            _print_bytes(line * ((1 << 20) // len(line)))
        os._exit(1)


def _print_bytes(content: bytes) -> None:
    sys.stdout.flush()
    while content:
        content = content[os.write(1, content) :]


def _hang() -> NoReturn:
    while True:
        time.sleep(3600)


REPORTS: dict[str, Callable[[str], str]] = {
    "no-report": lambda text: "",
    "cut-report": lambda text: text.partition("= PERFORMANCE OVERVIEW")[0],
    "no-requests": lambda text: re.sub(
        r"(?m)^(Number of requests:\s+)nan$",
        r"\g<1>0",
        re.sub(r"(?m)^((?:Number of requests|.*Throughput.*|.*Latency.*|Average.*):\s+)\S+$", r"\1nan", text),
    ),
}
"""Fault -> the remaining report; files are not written then"""


def _told(report: str) -> str:
    return REPORTS.get(FAULT, str)(report)


# --- build ------------------------------------------------------------------------------------------------


def _build(group: dict[str, str], options: dict[str, str]) -> None:
    name, tp, pp = group["model"], int(options["tp_size"]), int(options["pp_size"])
    if NUMBER < (0, 17) and "Qwen" in name:
        raise ValueError(f"'{name}' is not a model that is configured for benchmarking.")
    longest = int(options.get("max_seq_len", options.get("max_seq_length", "0")))
    if "dataset" in options:
        requests = _dataset(options["dataset"])
        longest = max(len(ids) + output for ids, output in requests)
    info("Loading Model: [1/3]\tDownloading HF model")
    info("Loading Model: [3/3]\tBuilding TRT-LLM engine")
    folder = Path(group["workspace"], name, f"tp_{tp}_pp_{pp}")
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": VERSION,
        "pretrained_config": {
            "architecture": "LlamaForCausalLM",
            "dtype": "float16",
            "mapping": {"world_size": tp * pp, "tp_size": tp, "pp_size": pp},
            "quantization": {"quant_algo": options.get("quantization"), "kv_cache_quant_algo": None},
        },
        "build_config": {
            "max_batch_size": int(options.get("max_batch_size", "256")),
            "max_num_tokens": int(options.get("max_num_tokens", "8192")),
            "max_input_len": 1024,
            "max_seq_len": longest,
            "plugin_config": {"multiple_profiles": True},
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    for rank in range(tp * pp):
        (folder / f"rank{rank}.engine").write_bytes(b"engine\n")
    info(f"\n\n{'=' * 59}\nENGINE SAVED: {folder}\n{'=' * 59}\n")


def _engine(options: dict[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((Path(options["engine_dir"]) / "config.json").read_text())
    return config


def _tp(options: dict[str, str]) -> int:
    if options.get("engine_dir"):
        return int(_engine(options)["pretrained_config"]["mapping"]["tp_size"])
    return int(options.get("tp", "1"))


# --- measure ----------------------------------------------------------------------------------------------


def _dataset(path: str) -> list[tuple[list[int], int]]:
    _strike("dataset")
    requests = []
    for line in Path(path).read_text().splitlines():
        data = json.loads(line)
        ids = data.get("logits") if NUMBER < (0, 16) else data.get("input_ids", data.get("logits"))
        if ids is None:
            ids = [1] * len(data["prompt"].split())
        requests.append((ids, data["output_tokens"] + 0 * data["task_id"]))
    return requests


def _measure(group: dict[str, str], command: str, options: dict[str, str]) -> None:
    info(f"Preparing to run {command} benchmark...")
    requests = _dataset(options["dataset"])
    if "num_requests" in options:
        requests = requests[: int(options["num_requests"])]
    limits: dict[str, Any] = {"max_batch_size": 256, "max_num_tokens": 8192, "max_seq_len": 1 << 20}
    if options.get("engine_dir"):
        limits = _engine(options)["build_config"]
        if NUMBER < (0, 18) and command == "throughput" and limits["max_batch_size"] == 1:
            raise ValueError(
                "An engine with a batch size greater than 1 should be used for throughput benchmarking."
                " Exiting."
            )
        longest = max(len(ids) + output for ids, output in requests)
        if longest > limits["max_seq_len"]:
            raise RuntimeError(
                f"Engine supports a max sequence of {limits['max_seq_len']}. Provided dataset contains a"
                f" maximum sequence of {longest}. Please rebuild a new engine tosupport this dataset."
            )
    if NUMBER >= (0, 18):
        info(f"Setting up {command} benchmark.")
    _strike("load")
    new = NUMBER >= (0, 18)
    at_once = {"latency": 1}.get(command, len(requests))
    asked = int(options.get("concurrency", "0"))
    at_once = min(asked, len(requests)) if asked > 0 else at_once
    if new and int(options.get("warmup", "2")):
        info("Setting up for warmup...")
        info("Running warmup.")
        _serve(requests[:2], at_once, new, None)
        info("Warmup done.")
    if not new and command == "latency":
        info("Low latency benchmark started.")
    _strike("measure")
    records = _serve(requests, at_once, new, options.get("iteration_log"))
    if not new:
        info("Low latency benchmark finished." if command == "latency" else "Request serving stopped.")
    streaming = command == "latency" or "streaming" in options
    if new:
        info("Benchmark done. Reporting results...")
    facts = {
        "model": group["model"],
        "engine_dir": options.get("engine_dir"),
        "version": VERSION,
        "backend": "TRT" if options.get("engine_dir") else "Pytorch",
        "tp": _tp(options),
        "limits": limits,
        "streaming": streaming,
    }
    if FAULT not in REPORTS:
        _write(options, records, facts)
    info(_told(report_as_text(NUMBER, command, records, facts)))
    if FAULT == "hang-after-report":
        _hang()
    if not new:
        info("Benchmark Shutdown called!")
        info("Executor shutdown.")


def _serve(
    requests: list[tuple[list[int], int]], at_once: int, new: bool, log: str | None
) -> list[dict[str, Any]]:
    """Steps of an engine with so many places; one record a request, in the order in which they end."""
    writer = _Writer(log)
    info("Starting benchmarking async task." if new else "Starting response daemon...")
    info("Starting benchmark..." if new else "Request serving started.")
    waiting = list(enumerate(requests))
    flying: dict[int, list[Any]] = {}
    records: list[dict[str, Any]] = []
    number = 0
    while waiting or flying:
        began = time.perf_counter_ns()
        joined = 0
        while waiting and len(flying) < at_once:
            index, (ids, output) = waiting.pop(0)
            flying[index] = [began, None, ids, output, 0]
            joined += len(ids)
        active = len(flying)
        time.sleep(STEP_S)
        now = time.perf_counter_ns()
        for index, flight in list(flying.items()):
            flight[1] = flight[1] or now
            flight[4] += 1
            if flight[4] >= flight[3]:
                records.append(_record(index, flight, now))
                del flying[index]
        writer.write(_iteration(number, now - began, joined, active, len(waiting)))
        number += 1
        if NUMBER >= (1, 0) and log is not None:
            done, total = len(records), len(requests)
            print(
                f"\rBenchmarking: {100 * done // total:3d}%|█| {done}/{total} [00:01<00:01]",
                end="",
                file=sys.stderr,
            )
    if new:
        info("Benchmark complete.")
        info("Stopping LLM backend.")
        if FAULT == "hang-at-stop" and log is not None:
            _hang()
    writer.close()
    if new:
        info("LLM Backend stopped.")
    return records


def _record(index: int, flight: list[Any], now: int) -> dict[str, Any]:
    started, first, ids, output, _ = flight
    return {"id": index, "num_input_tokens": len(ids), "output_tokens": output, "error_tokens": 0,
            "start_timestamp": started, "first_token_timestamp": first, "end_timestamp": now,
            "decode_iteration": output - 1, "output": "nine"}  # fmt: skip


def _iteration(number: int, latency_ns: int, joined: int, active: int, queued: int) -> dict[str, Any]:
    return {
        "iter": number, "iterLatencyMS": latency_ns / 1e6, "numActiveRequests": active,
        "numQueuedRequests": queued, "gpuMemUsage": 5 << 30, "specDecodingStats": None,
        "kvCacheStats": {"maxNumBlocks": 1000, "usedNumBlocks": min(1000, 10 * active), "tokensPerBlock": 64},
        "inflightBatchingStats": {
            "numContextRequests": int(bool(joined)), "numCtxTokens": joined, "numGenRequests": active,
            "avgNumDecodedTokensPerIter": 1.0,
        },
    }  # fmt: skip


class _Writer:
    """The iteration log: written in blocks, and an endless hang if its folder is missing.

    Up to 0.16 it is compact JSON, written at the end.
    """

    def __init__(self, path: str | None) -> None:
        self._file = None
        self._broken = False
        if path is not None:
            try:
                at_the_end = 1 << 24 if NUMBER < (0, 17) else 4096
                self._file = open(path, "w", buffering=at_the_end)  # noqa: SIM115
            except FileNotFoundError as error:
                print(f"Process IterationWriter: {error}", flush=True)
                self._broken = True

    def write(self, iteration: dict[str, Any]) -> None:
        if self._file is not None:
            as_json = NUMBER < (0, 17)
            text = json.dumps(iteration, separators=(",", ":")) if as_json else str(iteration)
            self._file.write(f"{text}\n")

    def close(self) -> None:
        if self._broken:
            threading.Event().wait()
        if self._file is not None:
            self._file.close()


def _write(options: dict[str, str], records: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    contents: dict[str, Callable[[], Any]] = {
        "report_json": lambda: report_as_json(records, facts),
        "request_json": lambda: [
            record if facts["streaming"] else record | {"first_token_timestamp": -1} for record in records
        ],
        "output_json": lambda: {str(record["id"]): record["output"] for record in records},
    }
    for option, content in contents.items():
        if option in options:
            Path(options[option]).write_text(json.dumps(content(), indent=4))


__all__ = ["main", "options_of"]
