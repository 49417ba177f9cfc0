"""Checks of the machine or container that apply to every engine."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check, gib
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.engines.gpu_facts import visible_devices
from runner.preflight.gpu_setup import gpu_setup_checks
from runner.preflight.host_checks import host_checks
from runner.run.scratch import RANK_BYTES
from runner.util.formatting import plural

ROOT_VARIABLES = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
ENOUGH_SHM = 1 << 30
_IPC = "docker run --ipc=host (or --shm-size=1g)"


def machine_checks(
    facts: MachineFacts, ranks: int, *, on_gpu: bool, needed: bool, mpirun: bool = True
) -> Iterator[Check]:
    """Yield the checks for a number of ranks.

    Args:
        facts: the facts of the machine.
        ranks: number of ranks.
        on_gpu: each rank needs a GPU.
        needed: the checks are for a profile, so what is missing fails; else it is a warning.
        mpirun: mpirun starts the ranks.
    """
    if facts.no_home:
        text = f"runs cannot be stored: {facts.no_home}"
        yield Check("runs", "fail", text, "export TRTBENCH_HOME=DIR, a directory that you may write to")
    if facts.no_locks:
        text = f"several runs may use a device at once, because no locks are possible: {facts.no_locks}"
        yield Check("locks", "warn", text, "export TRTBENCH_LOCKS=DIR, a directory that all users share")
    for error in facts.plugin_errors:
        yield Check("plug-ins", "warn", error, "repair or uninstall the package of the plug-in")
    if facts.ends_at_logout:
        text = "systemd ends all your processes when you log out (KillUserProcesses=yes), runs too"
        yield Check("logout", "warn", text, "loginctl enable-linger && systemd-run --user --scope bash")
    yield from _container(facts)
    if facts.probe is None:
        if facts.container_runs and facts.container_tool:
            yield _no_python(facts)
    else:
        yield Check("python", "pass", f"{facts.python}, Python {facts.probe.python}")
    if mpirun:
        yield _mpirun(facts, needed)
    if facts.probe is not None:
        yield from _root(facts, facts.probe)
        yield from _shared_memory(facts, facts.probe, ranks)
    if on_gpu:
        yield gpu_check(facts, ranks, needed=needed)
        yield from _busy(facts)
        yield from gpu_setup_checks(facts, ranks, needed=needed)
        if facts.probe is not None and facts.probe.shm_writable and (ranks > 1 or not needed):
            yield _shm(facts, facts.probe)
            yield _memlock(facts, facts.probe)
    yield from host_checks(facts, ranks, needed=needed)
    yield _leftovers(facts)


def _leftovers(facts: MachineFacts) -> Check:
    """Say what ends the processes of a run; both ways are complete while the supervisor lives."""
    if facts.own_cgroup:
        return Check("clean-up", "pass", "a control group ends every process of a run, whatever happens")
    text = (
        "every process of a run ends with it; without a control group (needs root or a delegated one),"
        " one that hides can survive if the supervisor is killed"
    )
    return Check("clean-up", "pass", text)


def _container(facts: MachineFacts) -> Iterator[Check]:
    container = facts.container
    if container is None:
        return
    name = container.exec or container.run
    if not facts.container_tool:
        text = f"launch.container needs {container.tool}, which does not run here"
        yield Check("container", "fail", text, f"{container.tool} version")
    elif not facts.container_runs:
        text = f"the container {name} does not exist or does not run"
        yield Check("container", "fail", text, f"{container.tool} start {name}")
    else:
        yield Check("container", "pass", f"{name} answers; the paths below are inside it")


def _no_python(facts: MachineFacts) -> Check:
    where = f" in {facts.container.exec or facts.container.run}" if facts.container else ""
    text = f"{facts.python} does not run{where}, so further checks there are not possible"
    return Check("python", "fail", text, "set launch.python to the interpreter that has the engine")


def _mpirun(facts: MachineFacts, needed: bool) -> Check:
    if facts.mpirun:
        return Check("mpirun", "pass", facts.mpirun)
    fix = "apt-get install openmpi-bin, or set launch.mpirun.path"
    return Check("mpirun", "fail" if needed else "warn", "not found on PATH", fix, "mpirun is missing")


def _root(facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Open MPI starts ranks as root only when both variables are exactly 1; stages set both."""
    for name in ROOT_VARIABLES:
        if facts.environment.get(name, "1") != "1":
            text = f"launch.env.{name} is {facts.environment[name]!r}, and Open MPI accepts only 1"
            yield Check("root", "fail" if probe.root else "warn", text, f"--set launch.env.{name}=1")
            return
    for name in ROOT_VARIABLES:
        value = probe.env.get(name, "1")
        if value != "1":
            text = f"{name} is {value!r} here, which Open MPI rejects; stages get 1, your own commands do not"
            yield Check("root", "warn", text, f"export {name}=1")
            return
    if probe.root:
        yield Check("root", "pass", "ranks run as root; stages set both variables that Open MPI requires")


def gpu_check(facts: MachineFacts, ranks: int, *, needed: bool) -> Check:
    """Compare the visible GPUs with the ranks; without a profile (`needed` false) only count them."""
    if not facts.gpu_count and not needed:
        text = f"none found; the torch engine also runs on the CPU{_why_none(facts)}"
        return Check("GPUs", "warn", text, "nvidia-smi -L")
    count, known = facts.gpu_count, [facts.gpus[0].name] if facts.gpus else []
    visible = visible_devices(facts.environment, facts.probe.env if facts.probe else {})
    if visible is not None:
        count = min(count, len([name for name in visible.split(",") if name.strip()]))
        known.append(f"CUDA_VISIBLE_DEVICES={visible}")
    found = f"{count} ({', '.join(known)})" if known else str(count)
    if not needed:
        return Check("GPUs", "pass", found)
    if count < ranks:
        fix = f"--set parallel.tp={max(count, 1)}" if facts.gpu_count else "nvidia-smi -L"
        text = f"{_each(ranks)}, found: {found}{_why_none(facts)}"
        return Check("GPUs", "fail", text, fix, f"{count} of {plural(ranks, 'GPU')}" if count else "no GPU")
    return Check("GPUs", "pass", f"{found} for {ranks} {'rank' if ranks == 1 else 'ranks'}")


def _why_none(facts: MachineFacts) -> str:
    return f" ({facts.survey.absent})" if facts.survey is not None and facts.survey.absent else ""


def _busy(facts: MachineFacts) -> Iterator[Check]:
    if facts.gpus is None and facts.gpu_count:
        yield Check("GPU use", "warn", "neither NVML nor nvidia-smi answered in time", "nvidia-smi")
    elif facts.gpu_processes:
        shown = ", ".join(facts.gpu_processes[:4]) + (" ..." if len(facts.gpu_processes) > 4 else "")
        text = f"other programs use GPUs and affect the measurement: {shown}"
        yield Check("GPU use", "warn", text, "nvidia-smi --query-compute-apps=pid,process_name --format=csv")
    elif facts.gpus:
        yield Check("GPU use", "pass", "no other program uses the GPUs")


def _shared_memory(facts: MachineFacts, probe: ProbeAnswer, ranks: int) -> Iterator[Check]:
    """Say where ranks share memory if /dev/shm has no room for it; in a container, only /dev/shm is used."""
    needed, container = ranks * RANK_BYTES, facts.container is not None
    if not probe.shm_writable:
        text, fix = "cannot be written", "mount -o remount,rw /dev/shm"
    elif probe.shm_free is not None and probe.shm_free < needed:
        text = f"{probe.shm_free >> 20} MiB are free, and the ranks need {needed >> 20} MiB"
        fix = "mount -o remount,size=8g /dev/shm"
    else:
        return
    then = "ranks die of a bus error" if container else "ranks share memory on a disk, which may be slower"
    yield Check("shared memory", "warn", f"/dev/shm: {text}; {then}", _IPC if container else fix)


def _shm(facts: MachineFacts, probe: ProbeAnswer) -> Check:
    if probe.shm >= ENOUGH_SHM:
        return Check("/dev/shm", "pass", gib(probe.shm))
    text = f"{gib(probe.shm)}; NCCL between GPUs fails with less than about 1 GiB"
    if facts.container is not None:
        return Check("/dev/shm", "warn", text, _IPC)
    return Check("/dev/shm", "warn", text, "mount -o remount,size=8g /dev/shm")


def _memlock(facts: MachineFacts, probe: ProbeAnswer) -> Check:
    if probe.memlock < 0:
        return Check("memlock", "pass", "unlimited")
    text = f"at most {probe.memlock // 1024} KiB can be locked; NCCL may fail to register memory"
    fix = "docker run --ulimit memlock=-1" if facts.container is not None else "ulimit -l unlimited"
    return Check("memlock", "warn", text, fix)


def _each(ranks: int) -> str:
    return "one rank needs one GPU" if ranks == 1 else f"{ranks} ranks need {ranks} GPUs"
