"""Several hosts on one machine, as namespaces of the kernel: for tests of runs on more than one node.

Each host has its own network, process ids, host name, mounts, shared memory and sshd. Nothing is written to
system paths, and nothing remains: every host ends when the process that made it ends.
"""

from tests.support.cluster.hosts import Cluster, Host, HostProcess
from tests.support.cluster.namespaces import missing
from tests.support.cluster.slurm import Slurm, slurm_missing

__all__ = ["Cluster", "Host", "HostProcess", "Slurm", "missing", "slurm_missing"]
