"""Compare what the nodes of a run answered: what differs, what is missing, and how to fix it. Pure.

A check has one line for each group of nodes with the same value, so that the checks of `doctor` together are
a table of what differs: `node[1-7]: 570.86 · node8: 565.57`.
"""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from runner.engines.check import Check, Verdict, gib
from runner.preflight.node_answer import NetworkInterface, NodeAnswer
from runner.preflight.node_clocks import check_clocks
from runner.preflight.node_collector import NodeHeard, NodeReport
from runner.preflight.node_differences import NARROW, describe, differences
from runner.util.formatting import plural
from runner.util.host_names import fold_hosts

LOW_MEMORY = 0.5
"""share of the median of all nodes"""
LEAST_DISK = 2 << 30
BUSY = 0.5
"""load average for each CPU"""
_SAME_INSTALLATION = "install one version, or share an installation"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a run needs of its nodes."""

    gpus: bool
    """each rank uses a GPU"""
    run_token: str = ""
    """file that the first node wrote where runs are stored; empty: none"""
    build_tokens: Mapping[str, str] = field(default_factory=dict)
    """folder that a stage on the first node builds into -> file that this node wrote there"""


@dataclass(frozen=True)
class _Version:
    verdict: Verdict
    fix: str = _SAME_INSTALLATION


_VERSIONS = {
    "TensorRT-LLM": _Version("fail", "install the version that built the engine"),
    "TensorRT": _Version("fail", "install the version that built the engine"),
    "MPI": _Version("fail", "install one MPI at one path on every node"),
    "NCCL": _Version("fail", "install one version: NCCL refuses others"),
    "trtbench-tui": _Version("fail"),
    "PyTorch": _Version("warn"),
    "CUDA": _Version("warn"),
    "driver": _Version("warn", "install the same driver on every node"),
    "CUDA of the driver": _Version("warn", "install the same driver on every node"),
    "Python": _Version("warn"),
    "mpi4py": _Version("warn"),
}


def compare_nodes(report: NodeReport, expected: Expected) -> list[Check]:
    """Return the checks of what the nodes answered, in the order in which they are best read."""
    checks = [_answered(report), *_duplicates(report.nodes)]
    if not report.nodes:
        return checks
    answers = {one.answer.node: one.answer for one in report.nodes}
    checks += [*_versions(answers), *_interpreters(answers)]
    if expected.gpus:
        checks += _gpus(report)
    checks += [*_files(answers), *_shared(answers, expected)]
    checks += [*_nccl_interfaces(answers), *_rdma(answers)] if expected.gpus else [*_interfaces(answers)]
    checks += [check_clocks(report.nodes), *_resources(answers)]
    return checks


# --- who answered ------------------------------------------------------------------------------------------


def _answered(report: NodeReport) -> Check:
    asked, found = report.launch.nodes, len(report.nodes)
    names = fold_hosts(one.answer.node for one in report.nodes)
    if found == asked:
        return Check("nodes", "pass", f"{asked} answered in {report.seconds:.1f} s: {names}")
    if found > asked:
        text = f"{plural(asked, 'node')} asked, {plural(found, 'process', 'processes')} answered: {names}"
        return Check("nodes", "fail", text, "list every host once")
    within = f" within {report.seconds:.0f} s" if report.is_late else ""
    text = f"{found} of {plural(asked, 'node')} answered{within}"
    if found and report.silent:
        text += f", none of {fold_hosts(report.silent)}"
    elif found:
        text += f": {names}"
    if reason := _reason(report):
        text += f"\n{reason}"
    return Check("nodes", "fail", text, _way_to(report), brief=f"{found} of {plural(asked, 'node')} answered")


def _reason(report: NodeReport) -> str:
    """Return what the launcher, or ssh below it, printed about a node that did not answer."""
    lines = [line for line in report.lines if any(map(str.isalpha, line))]
    about = [line for line in lines if any(host in line for host in report.silent)]
    ssh = [line for line in lines if line.startswith("ssh:")]
    chosen = ssh[-1:] or about[:1] or lines[:1]
    if chosen:
        return chosen[0][:200]
    if report.exit_code is not None and report.launch.argv:
        return f"{os.path.basename(report.launch.argv[0])} ended with {report.exit_code}"
    return ""


def _way_to(report: NodeReport) -> str:
    host = next(iter(_named(report) or report.silent), "HOST")
    if report.launch.launcher == "slurm":
        return f"srun --overlap --nodelist={host} hostname"
    return f"ssh {host} {report.launch.python} --version"


def _named(report: NodeReport) -> list[str]:
    return [host for host in report.silent if host in _reason(report)]


def _duplicates(nodes: Sequence[NodeHeard]) -> Iterator[Check]:
    times = Counter(one.answer.node for one in nodes)
    for node, count in times.items():
        if count > 1:
            text = f"{count} processes answered as {node}: nodes are told apart by their host names"
            yield Check("nodes: names", "fail", text, f"hostnamectl hostname NAME, or list {node} once")


# --- versions and interpreters -----------------------------------------------------------------------------


def _versions(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    same = []
    for name, rule in _VERSIONS.items():
        values = {node: answer.versions.get(name, "none") for node, answer in answers.items()}
        if set(values.values()) == {"none"}:
            continue
        if len(set(values.values())) == 1:
            same.append(f"{name} {next(iter(values.values()))}")
        yield from differences(name, values, rule.verdict, rule.fix)
    kernels = {node: answer.kernel for node, answer in answers.items()}
    yield from differences("kernel", kernels, "warn", "boot the same kernel on every node")
    if same and len(answers) > 1:
        # A line ends after a version, never between a name and its version.
        text = textwrap.fill(", ".join(one.replace(" ", "\0") for one in same), NARROW)
        yield Check("nodes: same", "pass", text.replace("\0", " "))


def _interpreters(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    problems = {node: answer.no_probe for node, answer in answers.items() if answer.no_probe}
    if problems:
        fix = "install it at that path on every node"
        yield Check("nodes: python", "fail", describe(problems), fix)


# --- GPUs --------------------------------------------------------------------------------------------------


def _gpus(report: NodeReport) -> Iterator[Check]:
    answers = {one.answer.node: one.answer for one in report.nodes}
    found = {node: _gpu_text(answer) for node, answer in answers.items()}
    few = {
        one.answer.node: f"{found[one.answer.node]} for {plural(ranks, 'rank')}"
        for one, ranks in _ranks(report)
        if one.answer.gpus is not None and len(one.answer.gpus) < ranks
    }
    if few:
        reasons = dict.fromkeys(answer.no_gpu for answer in answers.values() if answer.no_gpu)
        text = "\n".join([describe(few), *reasons])
        yield Check("nodes: GPUs", "fail", text, "use fewer ranks on each node, or other nodes")
    elif len(set(found.values())) > 1:
        fix = "use nodes with the same GPUs: the slowest decides"
        yield from differences("GPUs", found, "warn", fix)
    else:
        text = f"{next(iter(found.values()))} on each node"
        yield Check("nodes: GPUs", "pass", text)
    busy = {node: ", ".join(answer.gpu_use[:2]) for node, answer in answers.items() if answer.gpu_use}
    if busy:
        yield Check("nodes: GPU use", "warn", describe(busy), f"ssh {next(iter(busy))} nvidia-smi")


def _ranks(report: NodeReport) -> Iterator[tuple[NodeHeard, int]]:
    """Yield each node with the number of its ranks; 1 if only the launcher knows it."""
    counts = report.launch.ranks_per_node
    by_host = dict(zip(report.launch.hosts, counts, strict=False))
    otherwise = counts[0] if counts and len(set(counts)) == 1 else 1
    for one in report.nodes:
        yield one, by_host.get(one.host, otherwise)


def _gpu_text(answer: NodeAnswer) -> str:
    if answer.gpus is None:
        return "NVML did not answer"
    if not answer.gpus:
        return "none"
    return ", ".join(f"{count} x {name}" for name, count in Counter(answer.gpus).items())


# --- files -------------------------------------------------------------------------------------------------


def _files(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    fix = "copy them, or use a shared file system"
    for path in sorted({path for answer in answers.values() for path in answer.missing}):
        values = {node: "missing" if path in a.missing else "there" for node, a in answers.items()}
        if len(set(values.values())) > 1:
            text = f"{path}\n{describe(values)}"
            yield Check("nodes: paths", "fail", text, fix)
    for folder in sorted({folder for answer in answers.values() for folder in answer.files}):
        yield from _folder(folder, {node: answer.files.get(folder) for node, answer in answers.items()}, fix)


def _folder(folder: str, files: Mapping[str, Mapping[str, str] | None], fix: str) -> Iterator[Check]:
    names = sorted({name for one in files.values() if one is not None for name in one})
    unequal = [
        name
        for name in names
        if len({one.get(name) if one is not None else None for one in files.values()}) > 1
    ]
    if unequal:
        first = unequal[0]
        values = {
            node: "no folder" if one is None else one.get(first, "missing") for node, one in files.items()
        }
        more = f" (and {plural(len(unequal) - 1, 'more file')})" if len(unequal) > 1 else ""
        text = f"{folder}/{first}{more}\n{describe(values)}"
        yield Check("nodes: files", "fail", text, fix, brief="files differ between nodes")
    elif names and len(files) > 1:
        yield Check("nodes: files", "pass", f"{folder}: {plural(len(names), 'file')} equal")


def _shared(answers: Mapping[str, NodeAnswer], expected: Expected) -> Iterator[Check]:
    for folder, token in expected.build_tokens.items():
        without = [node for node, answer in answers.items() if token not in answer.shared]
        if without:
            text = f"{folder} is built on the first node\nnot seen by {fold_hosts(without)}"
            yield Check("nodes: shared", "fail", text, "set paths.work to a folder that all nodes share")
    if expected.run_token:
        without = [node for node, answer in answers.items() if expected.run_token not in answer.shared]
        text = f"seen by {fold_hosts(answers)}"
        if without:
            text = f"not seen by {fold_hosts(without)}\nits records come through the launcher"
        yield Check("nodes: run folder", "pass", text)


# --- network -----------------------------------------------------------------------------------------------


def _interfaces(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    """Compare the interfaces of nodes whose ranks use the CPU: their sums go over TCP."""
    names = {node: _names(answer.interfaces) or "none is up" for node, answer in answers.items()}
    fix = "--set launch.env.GLOO_SOCKET_IFNAME=NAME"
    yield from differences("network", names, "warn", fix)


def _nccl_interfaces(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    chosen = {node: [one for one in answer.interfaces if one.nccl] for node, answer in answers.items()}
    fix = "--set launch.env.NCCL_SOCKET_IFNAME=NAME"
    cut_off = [node for node, found in chosen.items() if not [one for one in found if one.name != "lo"]]
    if cut_off:
        have = {node: _names(answers[node].interfaces) or "none is up" for node in cut_off}
        text = f"NCCL may take none of the interfaces that are up\n{describe(have)}"
        yield Check("nodes: network", "fail", text, fix)
        return
    names = {node: _names(found) for node, found in chosen.items()}
    speeds = {node: max(one.speed for one in found) for node, found in chosen.items()}
    yield from differences("network", names, "warn", fix)
    if len(set(speeds.values())) > 1 and all(speeds.values()):
        values = {node: f"{speed / 1000:g} Gbit/s" for node, speed in speeds.items()}
        yield from differences("speed", values, "warn", "ethtool INTERFACE: the slowest link decides")
    if len(set(names.values())) == 1:
        text = f"NCCL may take {next(iter(names.values()))}"
        if len(set(speeds.values())) == 1 and all(speeds.values()):
            text += f" ({next(iter(speeds.values())) / 1000:g} Gbit/s)"
        yield Check("nodes: network", "pass", text)


def _rdma(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    rdma = {node: ", ".join(answer.rdma) or "none" for node, answer in answers.items()}
    yield from differences("RDMA", rdma, "warn", "ibstat; without RDMA, NCCL uses sockets")


def _names(interfaces: Sequence[NetworkInterface]) -> str:
    return ", ".join(one.name for one in interfaces)


# --- resources --------------------------------------------------------------------------------------------


def _resources(answers: Mapping[str, NodeAnswer]) -> Iterator[Check]:
    cpus = {node: f"{answer.cpus:g}" for node, answer in answers.items()}
    yield from differences("CPUs", cpus, "warn", "use nodes with the same number of CPUs")
    busy = {
        node: f"load average {answer.load:.1f} on {answer.cpus:g} CPUs"
        for node, answer in answers.items()
        if answer.load > BUSY * max(answer.cpus, 1.0)
    }
    if busy:
        yield Check("nodes: CPU load", "warn", describe(busy), f"ssh {next(iter(busy))} top -bn1 -o %CPU")
    typical = median([answer.memory for answer in answers.values() if answer.memory] or [0])
    low = {
        node: f"{gib(answer.memory)} free"
        for node, answer in answers.items()
        if 0 < answer.memory < LOW_MEMORY * typical
    }
    if low:
        text = f"{describe(low)}\nothers have {gib(typical)}"
        yield Check("nodes: memory", "warn", text, f"ssh {next(iter(low))} free -h")
    for folder in sorted({folder for answer in answers.values() for folder in answer.free}):
        full = {
            node: f"{gib(free)} free"
            for node, answer in answers.items()
            if (free := answer.free.get(folder, LEAST_DISK)) < LEAST_DISK
        }
        if full:
            yield Check("nodes: disk", "warn", f"{folder}\n{describe(full)}", f"df -h {folder}")
    locked = {node: _limit(answer.memlock) for node, answer in answers.items()}
    fix = "raise memlock in /etc/security/limits.conf"
    yield from differences("memlock", locked, "warn", fix)
    if len(set(locked.values())) == 1 and any(
        answer.rdma and answer.memlock >= 0 for answer in answers.values()
    ):
        text = f"{next(iter(locked.values()))} on every node; RDMA needs locked memory"
        yield Check("nodes: memlock", "warn", text, fix)
    files = {
        node: str(answer.nofile) if answer.nofile >= 0 else "unlimited" for node, answer in answers.items()
    }
    yield from differences("open files", files, "warn", "raise `nofile` in /etc/security/limits.conf")


def _limit(size: int) -> str:
    return "unlimited" if size < 0 else f"{size >> 10} KiB"
