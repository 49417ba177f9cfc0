"""Checks of the machine, or container, that hold for every engine that starts ranks under mpirun."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check, gib
from runner.engines.facts import Facts, Seen

ROOT_VARIABLES = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
ENOUGH_SHM = 1 << 30


def machine_checks(
    facts: Facts, ranks: int, *, on_gpu: bool, needed: bool, mpirun: bool = True
) -> Iterator[Check]:
    """Checks for a number of ranks.

    Args:
        facts: what was found.
        ranks: how many are started.
        on_gpu: each wants a GPU.
        needed: a profile is to run, so what is missing fails.
        mpirun: whether ranks are started by it.
    """
    if facts.no_home:
        text = f"none can be kept: {facts.no_home}"
        yield Check("runs", "fail", text, "export TRTBENCH_HOME=DIR, a directory that you may write to")
    if facts.ends_at_logout:
        text = "systemd ends everything of this login when you log out (KillUserProcesses=yes), runs too"
        yield Check("logout", "warn", text, "loginctl enable-linger && systemd-run --user --scope bash")
    yield from _container(facts)
    if facts.seen is None:
        if facts.container_runs and facts.container_tool:
            yield _no_python(facts)
    else:
        yield Check("python", "pass", f"{facts.python}, Python {facts.seen.python}")
    if mpirun:
        yield _mpirun(facts, needed)
    if facts.seen is not None:
        yield from _root(facts, facts.seen)
    if on_gpu:
        yield _gpus(facts, ranks, needed)
        yield from _busy(facts)
        if facts.seen is not None and (ranks > 1 or not needed):
            yield _shm(facts, facts.seen)
            yield _memlock(facts, facts.seen)


def _container(facts: Facts) -> Iterator[Check]:
    container = facts.container
    if container is None:
        return
    name = container.exec or container.run
    if not facts.container_tool:
        text = f"launch.container wants {container.tool}, which does not run here"
        yield Check("container", "fail", text, f"{container.tool} version")
    elif not facts.container_runs:
        text = f"the container {name} is not there or does not run"
        yield Check("container", "fail", text, f"{container.tool} start {name}")
    else:
        yield Check("container", "pass", f"{name} answers; paths below are those inside it")


def _no_python(facts: Facts) -> Check:
    where = f" in {facts.container.exec or facts.container.run}" if facts.container else ""
    text = f"{facts.python} does not run{where}, so nothing more can be looked at there"
    return Check("python", "fail", text, "set launch.python to the interpreter that has the engine")


def _mpirun(facts: Facts, needed: bool) -> Check:
    if facts.mpirun:
        return Check("mpirun", "pass", facts.mpirun)
    fix = "apt-get install openmpi-bin, or set launch.mpirun.path"
    return Check("mpirun", "fail" if needed else "warn", "there is none on PATH", fix)


def _root(facts: Facts, seen: Seen) -> Iterator[Check]:
    """Open MPI starts ranks as root when both variables are exactly 1; stages set both themselves."""
    for name in ROOT_VARIABLES:
        if facts.environment.get(name, "1") != "1":
            text = f"launch.env.{name} is {facts.environment[name]!r}, and Open MPI takes nothing but 1"
            yield Check("root", "fail" if seen.root else "warn", text, f"--set launch.env.{name}=1")
            return
    for name in ROOT_VARIABLES:
        value = seen.env.get(name, "1")
        if value != "1":
            text = f"{name} is {value!r} here, which Open MPI refuses; stages get 1, your own commands do not"
            yield Check("root", "warn", text, f"export {name}=1")
            return
    if seen.root:
        yield Check("root", "pass", "ranks run as root; stages set both variables that Open MPI asks for")


def _gpus(facts: Facts, ranks: int, needed: bool) -> Check:
    if not facts.gpu_count and not needed:
        return Check("GPUs", "warn", "none found; the torch engine runs on the CPU too", "nvidia-smi -L")
    count, known = facts.gpu_count, [facts.gpus[0].name] if facts.gpus else []
    of_shell = facts.seen.env.get("CUDA_VISIBLE_DEVICES") if facts.seen else None
    visible = facts.environment.get("CUDA_VISIBLE_DEVICES", of_shell)
    if visible is not None:
        count = min(count, len([name for name in visible.split(",") if name.strip()]))
        known.append(f"CUDA_VISIBLE_DEVICES={visible}")
    found = f"{count} ({', '.join(known)})" if known else str(count)
    if not needed:
        return Check("GPUs", "pass", found)
    if count < ranks:
        fix = f"--set parallel.tp={max(count, 1)}" if facts.gpu_count else "nvidia-smi -L"
        return Check("GPUs", "fail", f"{_each(ranks)}, there are {found}", fix)
    return Check("GPUs", "pass", f"{found} for {ranks} {'rank' if ranks == 1 else 'ranks'}")


def _busy(facts: Facts) -> Iterator[Check]:
    if facts.gpus is None and facts.gpu_count:
        yield Check("GPU use", "warn", "nvidia-smi did not answer within 10 s", "nvidia-smi")
    elif facts.gpu_processes:
        shown = ", ".join(facts.gpu_processes[:4]) + (" ..." if len(facts.gpu_processes) > 4 else "")
        text = f"other programs compute on the GPUs and will change what is measured: {shown}"
        yield Check("GPU use", "warn", text, "nvidia-smi --query-compute-apps=pid,process_name --format=csv")
    elif facts.gpus:
        yield Check("GPU use", "pass", "no other program computes on the GPUs")


def _shm(facts: Facts, seen: Seen) -> Check:
    if seen.shm >= ENOUGH_SHM:
        return Check("/dev/shm", "pass", gib(seen.shm))
    text = f"{gib(seen.shm)}; NCCL between GPUs fails with less than about 1 GiB"
    if facts.container is not None:
        return Check("/dev/shm", "warn", text, "docker run --ipc=host (or --shm-size=1g)")
    return Check("/dev/shm", "warn", text, "mount -o remount,size=8g /dev/shm")


def _memlock(facts: Facts, seen: Seen) -> Check:
    if seen.memlock < 0:
        return Check("memlock", "pass", "unlimited")
    text = f"at most {seen.memlock // 1024} KiB can be locked; NCCL may fail to register memory"
    fix = "docker run --ulimit memlock=-1" if facts.container is not None else "ulimit -l unlimited"
    return Check("memlock", "warn", text, fix)


def _each(ranks: int) -> str:
    return "one rank needs one GPU" if ranks == 1 else f"{ranks} ranks need {ranks} GPUs"
