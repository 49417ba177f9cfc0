"""Print what this node has, for the checks on all nodes before a run: one process on each node.

The launcher starts it with the questions (`NodeQuestions`) as its argument. It prints a `NodeAnswer`, again
every `AGAIN_S` seconds until standard input says `ack ID`; answers each line `ping N` at once, and its own
start as ping 0; and ends at `end`, when standard input ends, or after `LONGEST_S`. It starts no benchmark and
imports no engine. Some launchers pass nothing on (Open MPI 5.0 drops what `--stdin all` should send), so the
answer does not depend on standard input.
"""

from __future__ import annotations

import os
import re
import resource
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from runner import VERSION
from runner.engines.facts import ProbeAnswer
from runner.engines.gpu_facts import GpuSurvey, chosen_gpus, visible_devices
from runner.engines.mpi import find_mpirun
from runner.preflight.file_digests import digest_files
from runner.preflight.gather import PROBE, PROBE_TIMEOUT_S, survey_gpus
from runner.preflight.network_interfaces import active_rdma_devices, list_interfaces
from runner.preflight.node_answer import NodeAnswer, NodeQuestions, Pong
from runner.run.layout import UNREADABLE
from runner.util import processes
from runner.util.errors import UserError
from runner.util.launcher_frames import Frame, encode, frames_of

AGAIN_S = 2.0
LONGEST_S = 120.0
LINGER_S = 1.0
"""Open MPI 5 loses what a process of another node prints right before its end (measured)."""
_PACKAGES = {
    "tensorrt_llm": "TensorRT-LLM",
    "tensorrt": "TensorRT",
    "torch": "PyTorch",
    "mpi4py": "mpi4py",
    "nvidia-nccl-cu12": "NCCL",
    "nvidia-nccl-cu13": "NCCL",
}
_LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib")
_CUDA = Path("/usr/local/cuda/version.json")
_SHOWN = 8


def main() -> None:
    """Answer the questions of the last argument."""
    talk = _Talk()
    talk.pong(0)
    threading.Thread(target=talk.listen, daemon=True).start()
    questions = msgspec.json.decode(sys.argv[-1], type=NodeQuestions)
    talk.tell(answer(questions))


class _Talk:
    """The messages to and from preflight."""

    def __init__(self) -> None:
        self._id = secrets.token_hex(4)
        self._until = time.monotonic() + LONGEST_S
        self._lock = threading.Lock()
        self._acknowledged = threading.Event()
        self._ended = threading.Event()

    def listen(self) -> None:
        """Read standard input to its end."""
        for line in sys.stdin.buffer:
            words = line.split()
            if words[:1] == [b"ping"] and len(words) == 2:
                self.pong(int(words[1]))
            elif words == [b"ack", self._id.encode()]:
                self._acknowledged.set()
            elif words == [b"end"]:
                break
        self._ended.set()

    def pong(self, ping: int) -> None:
        """Answer a ping."""
        payload = msgspec.json.encode(Pong(ping=ping, wall_ns=time.time_ns()))
        self._send([Frame(self._id, 0, False, payload)])

    def tell(self, message: NodeAnswer) -> None:
        """Send a message until it is acknowledged, and wait for the end."""
        frames = frames_of(self._id, 1, msgspec.json.encode(message))
        self._send(frames)
        while not self._acknowledged.is_set() and time.monotonic() < self._until:
            if self._ended.wait(AGAIN_S):
                break
            if not self._acknowledged.is_set():
                self._send(frames)
        self._ended.wait(max(0.0, self._until - time.monotonic()))
        if not self._acknowledged.is_set():
            time.sleep(LINGER_S)

    def _send(self, frames: list[Frame]) -> None:
        content = b"".join(map(encode, frames))
        with self._lock:
            while content:
                content = content[os.write(1, content) :]


def answer(questions: NodeQuestions) -> NodeAnswer:
    """Return what this node has; the questions that take seconds are asked at the same time."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        probing = pool.submit(_probe, questions)
        surveying = pool.submit(survey_gpus) if questions.gpus else None
        hashing = pool.submit(_digests, questions.folders)
        probe, no_probe = probing.result()
        survey = surveying.result() if surveying is not None else None
        files = hashing.result()
    wanted = questions.env.get("NCCL_SOCKET_IFNAME", os.environ.get("NCCL_SOCKET_IFNAME", ""))
    gpus = chosen_gpus(survey, visible_devices(questions.env, os.environ), 64) if survey is not None else []
    used = [f"GPU {gpu.index}: {process}" for gpu in gpus for process in gpu.processes]
    return NodeAnswer(
        node=os.uname().nodename,
        boot_id=processes.boot_id(),
        kernel=os.uname().release,
        versions=_versions(questions, probe, survey),
        no_probe=no_probe,
        gpus=[gpu.name for gpu in gpus] if survey is not None else None,
        no_gpu=survey.absent if survey is not None else "",
        gpu_use=[*used[:_SHOWN], *([f"{len(used) - _SHOWN} more"] if len(used) > _SHOWN else [])],
        interfaces=list_interfaces(wanted),
        rdma=active_rdma_devices(),
        missing=[path for path in questions.paths if not probe.exists.get(path, False)] if probe else [],
        files=files,
        shared=[path for path, token in questions.tokens.items() if _reads(path, token)],
        memory=max(0, probe.memory_available) if probe else 0,
        free=probe.free if probe else {},
        # Launchers bind this process to one core; the load is that of the whole machine.
        cpus=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        memlock=resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
        nofile=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def _probe(questions: NodeQuestions) -> tuple[ProbeAnswer | None, str]:
    """Return what the interpreter of the measured processes sees, else None and why."""
    if not questions.probe:
        return None, ""
    asked = {
        "packages": list(_PACKAGES),
        "programs": [],
        "paths": questions.paths,
        "texts": [],
        "weights": [],
        "disks": questions.disks,
    }
    text = PROBE.read_text(encoding="utf-8")
    argv = [*questions.probe, "-c", text, msgspec.json.encode(asked).decode()]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
            env={**os.environ, **questions.env},
        )
        # A container's entry point may print a banner before the answer.
        return msgspec.json.decode(done.stdout[done.stdout.rfind(b'{"python"') :], type=ProbeAnswer), ""
    except FileNotFoundError:
        return None, f"{questions.probe[0]} does not exist"
    except subprocess.TimeoutExpired:
        return None, f"{questions.probe[0]} did not answer within {PROBE_TIMEOUT_S:.0f} s"
    except (OSError, subprocess.CalledProcessError, *UNREADABLE):
        return None, f"{questions.probe[0]} does not run"


def _versions(
    questions: NodeQuestions, probe: ProbeAnswer | None, survey: GpuSurvey | None
) -> dict[str, str]:
    found = {"trtbench-tui": VERSION}
    if questions.mpirun is not None:
        try:
            mpirun = find_mpirun(questions.mpirun, sys.executable)
            found["MPI"] = f"{mpirun.flavour} {mpirun.version}".strip()
        except UserError:
            pass
    if probe is not None:
        found["Python"] = probe.python
        found |= {_PACKAGES[package]: version for package, version in probe.packages.items()}
    if not questions.gpus:
        return found
    if survey is not None and survey.driver:
        found["driver"] = survey.driver
        found["CUDA of the driver"] = survey.cuda
    if cuda := _cuda_toolkit():
        found["CUDA"] = cuda
    if "NCCL" not in found and (nccl := _nccl_library()):
        found["NCCL"] = nccl
    return found


def _cuda_toolkit() -> str:
    try:
        return str(msgspec.json.decode(_CUDA.read_bytes())["cuda"]["version"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return ""


def _nccl_library() -> str:
    """Return the version of the NCCL of the system, which is part of the name of its file."""
    for folder in _LIBRARIES:
        name = Path(os.path.realpath(f"{folder}/libnccl.so.2")).name
        if found := re.fullmatch(r"libnccl\.so\.([0-9.]{3,})", name):
            return found[1]
    return ""


def _digests(folders: list[str]) -> dict[str, dict[str, str]]:
    return {folder: found for folder in folders if (found := digest_files(folder)) is not None}


def _reads(path: str, token: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii") == token
    except (OSError, UnicodeDecodeError):
        return False


if __name__ == "__main__":
    main()
