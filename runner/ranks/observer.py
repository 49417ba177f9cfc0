"""Run TensorRT-LLM's benchmarks/python/benchmark.py unchanged and report every iteration of this rank.

    python observer.py BENCHMARK_PY [its own arguments ...]

One file, standard library only, Python 3.10 or later, started by path: it runs in the measured environment,
where this program is not installed.

How it observes without changing the benchmark: upstream's file is executed as `__main__`, so everything in
it, including its `spawn` children, is as in a plain run. When it first imports tensorrt_llm,
`torch.cuda.empty_cache` is replaced until `main()` calls it, once, before the first warm-up. That frame gives
access to three objects; each gets an instance attribute that is looked up only outside of the timed region:

* `start.elapsed_time`: called once per timed iteration, after `end.record()`; it returns the number that
  upstream averages. The profiler's own events stay as they are.
* `benchmarker.run`: wrapped during warm-up, removed before timing starts.
* `benchmarker.prepare_inputs`: called once per configuration, before warm-up.

A warm-up iteration is timed by the host around `run()`, which waits for the GPU itself (decoders and
encoders; an encoder-decoder may return earlier). Upstream does not time warm-ups; they are marked and enter
no statistics. Iterations of the second loop (--dump_profile) have the phase `profile`.

Nothing here raises into upstream: an internal error ends the observation with a `notice` record, and the
benchmark continues. A script with another structure runs unobserved, also with a notice.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import sys
import time
import types
from importlib import metadata
from importlib.machinery import SourceFileLoader
from typing import Any

DIRECTORY_VARIABLE = "TRTBENCH_RECORDS"
_SOFTWARE = {
    "PyTorch": ("torch",),
    "TensorRT-LLM": ("tensorrt_llm",),
    "TensorRT": ("tensorrt",),
    "NCCL": ("nvidia-nccl-cu13", "nvidia-nccl-cu12"),
}
"""Packages by the name of the software."""
GPUS_PER_NODE = 8
"""TensorRT-LLM puts rank r on GPU r % 8."""

_MARK = b"\x1e"
_STDOUT = 1
_TEXT_LIMIT = 100
_NOTICE_LIMIT = 300
_PR_SET_PDEATHSIG = 1

# Variables in which launchers give a rank its number and the number of ranks, before MPI starts.
_RANK_VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    # SLURM_NTASKS is also set in a batch script, where nothing was started in parallel.
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)

# What `main()` of the known scripts (0.12 to 0.19) calls and assigns; the observation depends on these.
_NEEDED_CALLS = frozenset({"empty_cache", "prepare_inputs", "run", "elapsed_time"})
_NEEDED_NAMES = frozenset({"benchmarker", "config", "iter_idx", "latencies", "start"})


class Records:
    """Writes one-line records, each with a single `write`.

    The format is that of runner/ranks/records.py, repeated because this file must not import it. They go to
    `<directory>/<rank>.jsonl`, or if that cannot be opened to standard output as `\\x1e{json}\\n` of at
    most 1000 bytes.
    """

    def __init__(self, rank: int, directory: str | None) -> None:
        """If `directory` is None or empty, nothing is recorded."""
        self.rank = rank
        self.count = 0
        self._prefix = b""
        self._torn = False
        self._fd: int | None = None
        if not directory:
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(os.path.join(directory, f"{rank}.jsonl"), flags, 0o644)
        except OSError:
            self._fd = _STDOUT
            self._prefix = _MARK

    def emit(self, kind: str, **fields: Any) -> None:
        """Write a record; one that cannot be written is only counted, and `bye` states the count."""
        if self._fd is None:
            return
        self.count += 1
        record = {"kind": kind, "t": time.monotonic_ns(), "rank": self.rank} | fields
        line = self._prefix + json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if self._torn:
            # The file ends with a part of an earlier record without newline: end that line first.
            line = b"\n" + line
        try:
            if self._prefix:
                # An incomplete line of upstream in Python's buffer must not enclose the record.
                sys.stdout.flush()
            self._torn = os.write(self._fd, line) < len(line)
        except (OSError, ValueError, AttributeError):
            return

    def notice(self, text: str) -> None:
        self.emit("notice", level="warning", text=_short(text, _NOTICE_LIMIT))


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Return plain text of bounded length: a record, with escaped quotes, must fit into 1000 bytes."""
    plain = (letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:limit])
    return "".join(plain)


class Observer:
    """Follows upstream's `main()`; attached to it by `find_spec`, the first time it imports tensorrt_llm."""

    def __init__(self, records: Records, namespace: dict[str, Any]) -> None:
        """`namespace` has the globals of the module of upstream's file."""
        self.attached = False
        self._waiting = False
        self.broken = False
        self._records = records
        self._namespace = namespace
        self._undo: list[tuple[Any, str, Any]] = []
        self._config = -1
        self._timed = 0
        self._phase = "timed"
        self._generation_ms = 0.0
        self._steps = 0

    # --- attaching -----------------------------------------------------------------------------------------

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Act as an import hook that finds nothing: it detects that `main()` began and torch is complete."""
        is_main = name.partition(".")[0] == "tensorrt_llm" and not self._waiting
        if is_main and hasattr(getattr(sys.modules.get("torch"), "cuda", None), "empty_cache"):
            self._waiting = True
            self._guarded(self._wait_for_main)

    def _wait_for_main(self) -> None:
        cuda = sys.modules["torch"].cuda
        empty_cache = cuda.empty_cache

        @functools.wraps(empty_cache)
        def observed_empty_cache(*args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe(1)
            if frame.f_code.co_name == "main" and frame.f_globals is self._namespace:
                self._guarded(self._attach, frame)
            return empty_cache(*args, **kwargs)

        self._replace(cuda, "empty_cache", observed_empty_cache)

    def _attach(self, frame: types.FrameType) -> None:
        """Before the first warm-up, reach upstream's objects through the variables of `main()`."""
        self.detach()
        local = frame.f_locals
        self.attached = True
        start, benchmarker, args = local["start"], local["benchmarker"], local["args"]
        elapsed_time, prepare_inputs = start.elapsed_time, benchmarker.prepare_inputs

        def observed_elapsed_time(end: Any) -> Any:
            latency = elapsed_time(end)
            self._guarded(self._iteration, sys._getframe(1), latency)
            return latency

        @functools.wraps(prepare_inputs)
        def observed_prepare_inputs(config: Any, *rest: Any, **kwargs: Any) -> Any:
            inputs = prepare_inputs(config, *rest, **kwargs)
            self._guarded(self._begin, benchmarker, args, config)
            return inputs

        self._replace(start, "elapsed_time", observed_elapsed_time)
        self._replace(benchmarker, "prepare_inputs", observed_prepare_inputs)
        self._begin(benchmarker, args, local["config"])

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, value)

    def detach(self) -> None:
        """Restore everything."""
        # A new list: a running import iterates over the old one and must not skip a finder.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        while self._undo:
            owner, name, before = self._undo.pop()
            if before is not None:
                setattr(owner, name, before)
            elif name in vars(owner):
                delattr(owner, name)

    def _guarded(self, action: Any, *args: Any) -> None:
        """Run an action of the observer; if it fails, the benchmark continues without observation."""
        if self.broken:
            return
        try:
            action(*args)
        except Exception as error:
            self.broken = True
            self._records.notice(
                f"iterations are no longer observed, the printed result is not affected"
                f" ({type(error).__name__}: {error})"
            )
            with contextlib.suppress(Exception):
                self.detach()

    # --- reporting -----------------------------------------------------------------------------------------

    def _begin(self, benchmarker: Any, args: Any, config: Any) -> None:
        """Report that the warm-up of a configuration begins."""
        self._config += 1
        self._timed = 0
        self._phase = "timed"
        if self._records.rank == 0:
            # (batch, input, output, percent); encoders have no output length.
            batch_size, input_len, *output, percent = config
            self._records.emit(
                "configuration",
                index=self._config,
                batch_size=int(batch_size),
                input_len=int(input_len),
                output_len=int(output[0]) if output else 0,
                num_runs=int(args.num_runs),
                duration=float(args.duration),
                warm_up=int(args.warm_up),
                gpu_weights_percent=float(percent),
                num_beams=int(getattr(args, "num_beams", 1)),
            )
        if args.warm_up > 0:
            self._observe_warm_up(benchmarker, int(args.warm_up))

    def _observe_warm_up(self, benchmarker: Any, iterations: int) -> None:
        run = benchmarker.run
        done = 0

        @functools.wraps(run)
        def observed_run(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            began = time.perf_counter()
            result = run(*args, **kwargs)
            latency = (time.perf_counter() - began) * 1000
            done += 1
            if done == iterations:
                # The next call is the first timed one and must use upstream's own method.
                vars(benchmarker).pop("run", None)
            self._guarded(self._warmed_up, done - 1, latency)
            return result

        benchmarker.run = observed_run

    def _warmed_up(self, i: int, latency: float) -> None:
        self._records.emit("iteration", config=self._config, i=i, phase="warmup", latency_ms=latency)

    def _iteration(self, frame: types.FrameType, latency: float) -> None:
        """Report one timed call: `latencies.append(start.elapsed_time(end))` runs in `frame`."""
        local = frame.f_locals
        i = int(local["iter_idx"])
        if i == 0:
            # Both loops clear the profiler; the second loop restarts at 0 in the same configuration.
            self._phase = "profile" if self._timed else "timed"
            self._generation_ms, self._steps = 0.0, 0
        if self._phase == "timed":
            self._timed += 1
        self._records.emit(
            "iteration",
            config=self._config,
            i=i,
            phase=self._phase,
            latency_ms=float(latency),
            **self._generation(local.get("benchmark_profiler")),
        )

    def _generation(self, profiler: Any) -> dict[str, Any]:
        """Return generation time and decode steps of this iteration: the increase of upstream's sums."""
        # Encoders have no profiler (None).
        times, counts = getattr(profiler, "timer_dict", {}), getattr(profiler, "aux_info", {})
        if "generation_time" not in times:
            return {}
        before_ms, before_steps = self._generation_ms, self._steps
        self._generation_ms = float(times["generation_time"])
        self._steps = int(counts.get("generation_step_count", 0))
        return {"generation_ms": self._generation_ms - before_ms, "steps": self._steps - before_steps}


def why_not_observable(source: bytes) -> str:
    """Return why iterations of a script cannot be observed; empty: it has the structure of benchmark.py."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return "it cannot be parsed"
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "main" not in functions or "parse_arguments" not in functions:
        return "it has no main() and parse_arguments()"
    nodes = list(ast.walk(functions["main"]))
    called = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    missing = sorted(_NEEDED_CALLS - called) + sorted(_NEEDED_NAMES - assigned)
    return f"its main() has no {', '.join(missing)}" if missing else ""


def rank_and_world() -> tuple[int, int]:
    """Return rank and number of ranks from the launcher; a process without one is rank 0 of 1."""
    for rank, world in _RANK_VARIABLES:
        try:
            return int(os.environ[rank]), int(os.environ[world])
        except (KeyError, ValueError):
            continue
    return 0, 1


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process when its parent dies: no rank outlives a killed mpirun."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    try:
        failed = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if not failed and os.getppid() != parent:
        # The parent died before the request took effect.
        os.kill(os.getpid(), signal.SIGKILL)


def _become(path: str) -> types.ModuleType:
    """Set argv, sys.path and `__main__` as if Python had been started with `path`."""
    del sys.argv[0]
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = types.ModuleType("__main__")
    # Children of multiprocessing load this file as their main module: upstream's file, without the observer.
    vars(module).update(
        __file__=path, __builtins__=builtins, __loader__=SourceFileLoader("__main__", path), __cached__=None
    )
    sys.modules["__main__"] = module
    return module


def _hide_own_frames() -> None:
    """Show uncaught exceptions of upstream as in a plain run: without the frames of this file."""
    show = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: types.TracebackType | None) -> None:
        seen: set[int] = set()
        pending: list[BaseException | None] = [error]
        while pending:
            shown = pending.pop()
            if shown is not None and id(shown) not in seen:
                seen.add(id(shown))
                shown.__traceback__ = _without_own(shown.__traceback__)
                pending += [shown.__cause__, shown.__context__]
        show(kind, error, error.__traceback__)

    sys.excepthook = hook


_OWN_FILE = _hide_own_frames.__code__.co_filename


def _without_own(traceback: types.TracebackType | None) -> types.TracebackType | None:
    entries = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename != _OWN_FILE:
            entries.append(traceback)
        traceback = traceback.tb_next
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        entry.tb_next = following
    return entries[0] if entries else None


def installed_versions() -> dict[str, str]:
    """Return the versions of the software that upstream's file will import, without importing it."""
    found: dict[str, str] = {}
    for name, packages in _SOFTWARE.items():
        for package in packages:
            with contextlib.suppress(Exception):
                found.setdefault(name, _short(metadata.version(package), 40))
    return found


def main() -> None:
    """Run upstream's file to its end; without a normal end, the last record is missing."""
    if len(sys.argv) < 2:
        sys.exit("usage: observer.py BENCHMARK_PY [arguments of benchmark.py ...]")
    die_with_parent()
    rank, world = rank_and_world()
    records = Records(rank, os.environ.get(DIRECTORY_VARIABLE))
    records.emit(
        "hello",
        world=world,
        pid=os.getpid(),
        host=_short(socket.gethostname()),
        device=f"cuda:{rank % GPUS_PER_NODE}",
        label="",
        versions=installed_versions(),
    )
    path = os.path.abspath(sys.argv[1])
    with open(path, "rb") as file:
        source = file.read()
    module = _become(path)
    observer = Observer(records, vars(module))
    reason = why_not_observable(source)
    if not reason:
        sys.meta_path.insert(0, observer)
    elif rank == 0:
        records.notice(
            f"iterations of {os.path.basename(path)} cannot be observed ({reason});"
            " only the printed result is shown"
        )
    _hide_own_frames()
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    except SystemExit as ending:
        if ending.code in (None, 0):
            records.emit("bye", count=records.count)
        raise
    finally:
        observer.detach()
    if not (reason or observer.attached or observer.broken) and rank == 0:
        records.notice("no configuration was measured, or none could be observed")
    records.emit("bye", count=records.count)


if __name__ == "__main__":
    main()
