"""Accounting for the Slurm of the test bed: MariaDB and slurmdbd on its login host."""

from __future__ import annotations

from pathlib import Path

from tests.support.cluster.hosts import Host
from tests.support.cluster.namespaces import program
from tests.support.runs import wait_for

DAEMONS = ("slurmdbd", "mariadbd", "mariadb-install-db")
SETTINGS = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={login}
AccountingStoragePass={folder}/munge/socket
MinJobAge=2
"""
"""Lines of slurm.conf; the controller forgets a job two seconds after its end, at its next look."""
_SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost={login}
SlurmUser=root
LogFile={folder}/log/slurmdbd
PidFile=/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
"""


def accounting_missing() -> str:
    """Return why there can be no accounting on this machine; empty: there can."""
    absent = [name for name in DAEMONS if program(name) is None]
    return f"not installed: {', '.join(absent)} (`make test-cluster` installs them)" if absent else ""


def start_accounting(login: Host, folder: Path) -> None:
    """Start a database with its files in `folder/db`, and slurmdbd, and wait until it answers."""
    data, socket = folder / "db", folder / "db.socket"
    login.run("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
              "--auth-root-authentication-method=normal")  # fmt: skip
    settings = folder / "slurmdbd.conf"
    settings.write_text(_SLURMDBD_CONF.format(folder=folder, login=login.name))
    settings.chmod(0o600)
    # Both go to the background of the host, and end with it.
    database = f"mariadbd --no-defaults --user=root --skip-networking --datadir={data} --socket={socket}"
    login.run("sh", "-c", f"{database} --pid-file=/run/mariadbd.pid >{folder}/log/mariadbd 2>&1 &")
    wait_for(socket.exists, "the database")
    login.run("/usr/sbin/slurmdbd", MYSQL_UNIX_PORT=str(socket))
    answers = "sacctmgr --immediate add cluster bed; sacctmgr --noheader list cluster"
    wait_for(lambda: "bed" in login.run("sh", "-c", answers, check=False), "slurmdbd", pause=0.2)
