"""Install from Debian what the test bed needs and this machine lacks.

Started as `python -m tests.support.cluster.install`, as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.support.cluster.namespaces import program
from tests.support.cluster.slurm import PMIX

PACKAGES = {
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ip": "iproute2",
    "slurmctld": "slurm-wlm",
    "munged": "munge",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
}
"""program to the package that has it"""


def main() -> None:
    packages = sorted({package for name, package in PACKAGES.items() if program(name) is None})
    if not PMIX.is_dir():
        packages.append("libpmix2")
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"not installed, because apt-get and root are needed: {', '.join(packages)}", file=sys.stderr)
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(install, env=environment, check=True)


if __name__ == "__main__":
    main()
