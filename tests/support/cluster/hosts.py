"""Hosts as namespaces, joined by a switch: run on them, cut them off, end their processes."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.util import processes
from tests.support.cluster.namespaces import NAMESPACES, PYTHON, SYSTEM_PATH, Namespaces, environment_outside
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S

HOME = os.path.expanduser("~")
OWN_FOLDERS = ("/run", "/dev/shm", "/tmp", HOME)
"""what every host has for itself; otherwise each login would do what the shell of a developer does"""
SSH_PORT = 22
SERVICES = (
    "sshd: /",
    "/usr/sbin/slurmctld",
    "slurmctld: slurmscriptd",
    "/usr/sbin/slurmd",
    "/usr/sbin/munged",
    "/usr/sbin/slurmdbd",
    "mariadbd",
)
"""how the command lines of what the test bed itself runs on a host begin"""
_STDIO_TCP = Path(__file__).with_name("stdio_tcp.py")


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A process of a host, with its pid outside of the host."""

    pid: int
    name: str
    """the kernel's name of the program, at most 15 characters"""
    argv: str


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    """IPv4 address on the switch"""
    pid: int
    """its first process, as this process sees it"""
    environment: Mapping[str, str]
    clock_ahead_s: int = 0
    """by how much CLOCK_MONOTONIC and CLOCK_BOOTTIME are ahead of those of this process"""

    def entering(self, argv: Sequence[str], cwd: str | Path = "/", **environment: str) -> list[str]:
        """Return a command that runs `argv` on this host, with its variables and `environment`."""
        namespaces = [*NAMESPACES, *(["--time"] if self.clock_ahead_s else [])]
        variables = [f"{name}={value}" for name, value in {**self.environment, **environment}.items()]
        return [
            *("nsenter", "--target", str(self.pid), *namespaces, f"--wd={cwd}"),
            *("env", "-i", *variables, *argv),
        ]

    def run(
        self,
        *argv: str,
        cwd: str | Path = "/",
        timeout: float = PATIENCE_S,
        check: bool = True,
        **environment: str,
    ) -> str:
        """Run a program on this host and return its stdout.

        Raises:
            AssertionError: `check` is set and it failed; with its whole output.
        """
        answer = subprocess.run(
            self.entering(argv, cwd, **environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and answer.returncode:
            raise AssertionError(
                f"{self.name}: {shlex.join(argv)} ended with {answer.returncode}\n"
                f"{answer.stdout}{answer.stderr}"
            )
        return answer.stdout

    def start(
        self, *argv: str, cwd: str | Path = "/", stdin: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a program on this host, with pipes for its output.

        The process that is returned waits outside for the program: to end the program, use `kill`.
        """
        return subprocess.Popen(
            self.entering(argv, cwd, **environment),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[HostProcess]:
        """Return all processes of this host except its first one and `SERVICES`, oldest first."""
        return [process for process in self.all_processes() if not process.argv.startswith(SERVICES)]

    def all_processes(self) -> list[HostProcess]:
        try:
            here = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
        except FileNotFoundError:
            return []  # it was powered off
        return [
            found
            for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
            if pid != self.pid and (found := _process_in(pid, here)) is not None
        ]

    def kill(self, word: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to each process with that name, else to those with `word` in their command line.

        Returns:
            int: the number of processes.
        """
        running = self.all_processes()
        chosen = [process for process in running if process.name == word]
        chosen = chosen or [process for process in running if word in process.argv]
        for process in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, how)
        return len(chosen)

    def start_sshd(self) -> None:
        """Start the sshd of this host, which `kill("sshd")` ended."""
        self.run("/usr/sbin/sshd", "-f", self.environment["BED_SSHD"])

    def stop_sshd(self) -> None:
        """End the sshd and every connection to it."""
        while self.kill("sshd"):
            pass


def _process_in(pid: int, namespace: int) -> HostProcess | None:
    """Return a process if it is alive and in that namespace of pids."""
    try:
        if os.stat(f"/proc/{pid}/ns/pid").st_ino != namespace:
            return None
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    # A zombie has no namespaces any more, and no command line.
    return HostProcess(pid, processes.name(pid) or "", argv) if argv else None


@dataclass
class Cluster:
    """Hosts `node1`, `node2` … and those in `further` on one switch; a context manager.

    All hosts see the same files, except /run, /dev/shm, /tmp, the home folder and those in `own`. `ssh node2`
    works from every host, and from outside with `-F cluster.ssh_config`.
    """

    folder: Path
    """for keys and settings; all hosts see it, and the folder that it is in"""
    count: int = 2
    further: Sequence[str] = ()
    """names of further hosts"""
    own: Sequence[Path | str] = ()
    """further folders that hosts do not share, such as $TRTBENCH_HOME; created if absent"""
    kept: Sequence[Path | str] = ()
    """folders below /tmp or the home folder that are shared; the repository and the interpreter always are"""
    over: Sequence[tuple[Path, Path]] = ()
    """pairs of paths: on the hosts, the first is mounted over the second"""
    environment: Mapping[str, str] = field(default_factory=dict)
    """variables of all programs on all hosts, also of those that ssh starts"""
    clock_ahead_s: Mapping[str, int] = field(default_factory=dict)
    """host to seconds: by how much its clock since boot is ahead of the others"""
    hosts: list[Host] = field(default_factory=list, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _switch: subprocess.Popen[str] | None = field(default=None, init=False)

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            self._create(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    @property
    def ssh_config(self) -> Path:
        """The file for `ssh -F` outside of the hosts; it reaches them over the switch."""
        return self.folder / "ssh_config_outside"

    @property
    def names(self) -> list[str]:
        return [*(f"node{number}" for number in range(1, self.count + 1)), *self.further]

    def cut(self, name: str) -> None:
        """Unplug a host from the switch."""
        self._on_switch("ip", "link", "set", f"to-{name}", "down")

    def restore(self, name: str) -> None:
        """Plug a host in again."""
        self._on_switch("ip", "link", "set", f"to-{name}", "up")

    def hide(self, name: str, folder: Path | str) -> None:
        """Make a host see an empty folder that cannot be written, as when a shared file system is gone."""
        self[name].run("mount", "-t", "tmpfs", "-o", "ro", "gone", str(folder))

    def show(self, name: str, folder: Path | str) -> None:
        """Undo `hide`."""
        self[name].run("umount", str(folder))

    def power_off(self, name: str) -> None:
        """End all processes of a host at once, and its network."""
        os.kill(self[name].pid, signal.SIGKILL)

    def shut_down(self, name: str) -> None:
        """End all processes of a host at once, which `boot` brings back; its files stay, as on a disk."""
        self[name].run("sh", "-c", "kill -KILL -1")

    def boot(self, name: str) -> None:
        """Start a host after `shut_down`, with another boot id."""
        self._write_boot_id(name)
        self[name].start_sshd()

    def left(self) -> dict[str, list[HostProcess]]:
        """Return the processes of hosts that have any."""
        return {host.name: found for host in self if (found := host.processes())}

    def _create(self, stack: ExitStack) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        addresses = {name: f"10.77.0.{number}" for number, name in enumerate(self.names, 1)}
        environment = self._environment()
        switch = Namespaces(
            stack, ["--net", "--mount", "--uts", "--pid"], {"name": "switch", "address": "", "own": []}
        )
        switch.connect()
        self._switch = switch.process
        self._on_switch("ip", "link", "add", "switch", "type", "bridge")
        self._on_switch("ip", "address", "add", "10.77.0.254/24", "dev", "switch")
        self._on_switch("ip", "link", "set", "switch", "up")
        self._write_ssh(addresses, environment)
        started: list[tuple[str, Namespaces]] = []
        for name in addresses:
            started.append((name, self._start_host(stack, name, addresses[name])))
        for name, host in started:
            host.ready()
            self._on_switch("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "eth0", "netns",
                            str(host.pid))  # fmt: skip
            self._on_switch("ip", "link", "set", f"to-{name}", "master", "switch", "up")
            host.connect()
            sshd = str(self.folder / "sshd_config")
            self.hosts.append(
                Host(name, addresses[name], host.pid, {**environment, "BED_SSHD": sshd},
                     self.clock_ahead_s.get(name, 0))
            )  # fmt: skip
        for host_ in self.hosts:
            host_.start_sshd()

    def _start_host(self, stack: ExitStack, name: str, address: str) -> Namespaces:
        boot_id = self._write_boot_id(name)
        for folder in self.own:
            Path(folder).mkdir(parents=True, exist_ok=True)
        ahead = self.clock_ahead_s.get(name, 0)
        clock = ["--time", f"--monotonic={ahead}", f"--boottime={ahead}"] if ahead else []
        settings = {
            "name": name,
            "address": f"{address}/24",
            "own": [*OWN_FOLDERS, *map(str, self.own)],
            "kept": [str(self.folder.parent), str(ROOT), sys.prefix, sys.base_prefix, *map(str, self.kept)],
            "over": [
                [str(self.folder / "hosts"), "/etc/hosts"],
                [str(self.folder / "ssh_config"), "/etc/ssh/ssh_config"],
                [str(boot_id), "/proc/sys/kernel/random/boot_id"],
                *([str(source), str(target)] for source, target in self.over),
            ],
        }
        return Namespaces(stack, [*NAMESPACES, *clock], settings)

    def _write_boot_id(self, name: str) -> Path:
        """Write a new boot id; a host that runs sees it at once, because the file stays the same one."""
        path = self.folder / f"boot_id-{name}"
        path.write_text(f"{uuid.uuid4()}\n")
        return path

    def _environment(self) -> dict[str, str]:
        """Return the variables of all programs; on PATH are our command and those next to the interpreter."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        command = programs / "trtbench-tui"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tui.main "$@"\n')
        command.chmod(0o755)
        return {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "PYTHONPATH": str(ROOT),
            "HOME": HOME,
            "LANG": "C.UTF-8",
            **self.environment,
        }

    def _write_ssh(self, addresses: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Write /etc/hosts, keys, and the settings of ssh and sshd."""
        for key in ("user_key", "host_key"):
            if not (self.folder / key).exists():
                subprocess.run(
                    ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(self.folder / key)],
                    check=True,
                )
        names = "".join(f"{address} {name}\n" for name, address in addresses.items())
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        common = (
            f"  IdentityFile {self.folder}/user_key\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n"
            f"  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n"
        )
        (self.folder / "ssh_config").write_text(f"Host *\n{common}")
        assert self._switch is not None
        proxy = shlex.join([*self._entering_switch(), *PYTHON, str(_STDIO_TCP)])
        outside = "".join(
            f"Host {name}\n  ProxyCommand {proxy} {address} {SSH_PORT}\n"
            for name, address in addresses.items()
        )
        self.ssh_config.write_text(f"{outside}Host *\n  User root\n{common}")
        variables = " ".join(f'"{name}={value}"' for name, value in environment.items())
        (self.folder / "sshd_config").write_text(
            f"Port {SSH_PORT}\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/user_key.pub\nStrictModes no\nUsePAM no\nUseDNS no\n"
            f"PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\nPidFile /run/sshd.pid\n"
            f"SetEnv {variables}\n"
        )

    def _entering_switch(self) -> list[str]:
        assert self._switch is not None
        return ["nsenter", "--target", str(self._switch.pid), "--net"]

    def _on_switch(self, *argv: str) -> None:
        command = [*self._entering_switch(), *argv]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=environment_outside())
