"""A Slurm with its real daemons on hosts of the test bed: slurmctld on `login`, slurmd on the others."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.cluster import accounting
from tests.support.cluster.hosts import Cluster, Host
from tests.support.cluster.namespaces import missing, program
from tests.support.runs import wait_for

LOGIN = "login"
DAEMONS = ("slurmctld", "slurmd", "munged", "srun", "sbatch")
CPUS, GPUS, MEMORY_MB = 8, 4, 16000
"""of each node, as Slurm counts them; the GPUs are character devices that do nothing"""
PMIX = Path("/usr/lib/x86_64-linux-gnu/pmix2/lib")
"""where Debian's Slurm looks for PMIx, with which Open MPI 5 starts under `srun --mpi=pmix`"""

_SLURM_CONF = """\
ClusterName=bed
SlurmctldHost={login}({address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir=/run/slurmd
TmpFS=/run
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
{accounting}SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SlurmdTimeout=10
MessageTimeout=5
SchedulerParameters=bf_interval=1,sched_interval=2
PropagateResourceLimits=NONE
PlugStackConfig={folder}/plugstack.conf
GresTypes=gpu
NodeName=node[1-{nodes}] CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 \
RealMemory={memory} Gres=gpu:{gpus}
PartitionName=main Nodes=ALL Default=YES PriorityTier=10 PreemptMode=OFF
PartitionName=spare Nodes=ALL PriorityTier=1 PreemptMode=CANCEL
"""
"""Jobs of partition `main` end those of `spare` when they need their nodes."""
_NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\n"


@cache
def slurm_missing() -> str:
    """Return why there can be no Slurm on this machine; empty: there can."""
    absent = [name for name in DAEMONS if program(name) is None]
    return missing() or (
        f"not installed: {', '.join(absent)} (`make test-cluster` installs what it needs)" if absent else ""
    )


@dataclass
class Slurm:
    """A cluster with Slurm, as a context manager: `login`, and `node1`, `node2` … with four GPUs each."""

    folder: Path
    """for all its files; all hosts see it"""
    nodes: int = 2
    further: Sequence[str] = ()
    """names of hosts that are not of this Slurm"""
    own: Sequence[Path | str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    accounting: bool = False
    """keep records of jobs in a database"""
    plugins: Sequence[Path] = ()
    """plugins for srun and slurmstepd that are needed, such as pyxis"""
    cluster: Cluster = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Slurm:
        folder = self.folder / "slurm"
        self._write(folder)
        self.cluster = Cluster(
            self.folder / "bed",
            self.nodes,
            further=[LOGIN, *self.further],
            own=self.own,
            over=[(folder / "pmix", PMIX)] if PMIX.is_dir() else [],
            environment={"SLURM_CONF": str(folder / "slurm.conf"), **self.environment},
        )
        with ExitStack() as stack:
            stack.enter_context(self.cluster)
            self._start_munge(folder / "munge")
            kept = accounting.SETTINGS.format(login=LOGIN, folder=folder)
            (folder / "slurm.conf").write_text(
                _SLURM_CONF.format(
                    login=LOGIN,
                    address=self.login.address,
                    folder=folder,
                    nodes=self.nodes,
                    cpus=CPUS,
                    gpus=GPUS,
                    memory=MEMORY_MB,
                    accounting=kept if self.accounting else _NO_ACCOUNTING,
                )
            )
            if self.accounting:
                accounting.start_accounting(self.login, folder)
            self.start_controller()
            for node in self.node_names:
                self.start_node(node)
            wait_for(lambda: self.node_states() == dict.fromkeys(self.node_names, "idle"), "idle nodes")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    @property
    def login(self) -> Host:
        return self.cluster[LOGIN]

    @property
    def node_names(self) -> list[str]:
        return [f"node{number}" for number in range(1, self.nodes + 1)]

    def start_controller(self) -> None:
        """Start slurmctld; it continues with the jobs that it knew before."""
        self.login.run("/usr/sbin/slurmctld")
        wait_for(lambda: "UP" in self.login.run("scontrol", "ping", check=False), "slurmctld")

    def stop_controller(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End slurmctld. SIGTERM: it saves what it knows; SIGKILL: it forgets the last seconds."""
        self._stop(self.login, "slurmctld", how)

    def start_node(self, name: str) -> None:
        """Start the slurmd of a node."""
        self.cluster[name].run("mkdir", "-p", "/run/slurmd")
        self.cluster[name].run("/usr/sbin/slurmd", "-N", name)

    def stop_node(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End the slurmd of a node, and not what it runs."""
        self._stop(self.cluster[name], "slurmd", how)

    def set_node(self, name: str, state: str) -> None:
        """Set a node to `drain`, `down` or `resume`; one that answers after `down` resumes by itself."""
        self.login.run(
            "scontrol", "update", f"NodeName={name}", f"State={state}", "Reason=test", check=state != "resume"
        )

    def node_states(self) -> dict[str, str]:
        """Return the state of each node, such as `idle`, `alloc`, `drained` or `down*`."""
        lines = self.login.run("sinfo", "-h", "-N", "-p", "main", "-o", "%N %t", check=False).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def submit(self, script: str, *options: str) -> str:
        """Submit a job script and return the id of the job."""
        path = self.folder / f"job-{secrets.token_hex(4)}.sh"
        path.write_text(script)
        return self.login.run("sbatch", "--parsable", *options, str(path), cwd=self.folder).strip()

    def job_state(self, job: str) -> str:
        """Return the state of a job as `scontrol show job` states it; empty: it is not known."""
        words = self.login.run("scontrol", "show", "job", "-o", job, check=False).split()
        return next((word.partition("=")[2] for word in words if word.startswith("JobState=")), "")

    def wait_for_job(self, job: str, *states: str) -> None:
        """Wait until a job is in one of these states, such as `RUNNING` or `COMPLETED`."""
        wait_for(
            lambda: self.job_state(job) in states, f"state {' or '.join(states)} of job {job}", pause=0.1
        )

    def jobs(self) -> list[str]:
        """Return the ids of jobs that wait or run."""
        return self.login.run("squeue", "-h", "-o", "%A").split()

    def log(self, daemon: str) -> str:
        """Return the log of `slurmctld` or `slurmd-node1`."""
        return (self.folder / "slurm" / "log" / daemon).read_text()

    def _write(self, folder: Path) -> None:
        """Write what the daemons need before there are hosts."""
        if PMIX.is_dir():
            # Slurm loads `libpmix.so`, which only Debian's package for developers has.
            shutil.copytree(PMIX, folder / "pmix", symlinks=True)
            (folder / "pmix" / "libpmix.so").symlink_to("libpmix.so.2")
        for name in ("munge", "state", "log", "dev"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "munge" / "key").write_bytes(secrets.token_bytes(128))
        (folder / "munge" / "key").chmod(0o400)
        for number in range(GPUS):
            # Slurm takes character devices only.
            os.mknod(folder / "dev" / f"nvidia{number}", 0o20666, os.makedev(1, 3))
        required = "".join(f"required {plugin}\n" for plugin in self.plugins)
        (folder / "plugstack.conf").write_text(required)
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/dev/nvidia[0-{GPUS - 1}]\n")

    def _start_munge(self, folder: Path) -> None:
        """Start the only munged: its socket is a file, which all hosts see."""
        files = [f"--{name}={folder / name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        # It wants a user of its own, whose folders no other can write to: --force makes these warnings.
        self.login.run("/usr/sbin/munged", "--force", f"--key-file={folder / 'key'}", *files)

    def _stop(self, host: Host, name: str, how: signal.Signals) -> None:
        host.kill(f"/usr/sbin/{name}", how)
        wait_for(
            lambda: not any(process.name == name for process in host.all_processes()), f"the end of {name}"
        )
