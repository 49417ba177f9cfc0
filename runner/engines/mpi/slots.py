"""Whether Open MPI has a slot for each rank."""

from __future__ import annotations

from runner.engines.check import Check
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.engines.mpi.hosts import is_several
from runner.schema.base import Mpirun
from runner.util.formatting import plural

_STATES_SLOTS = (
    *("oversubscribe", "--use-hwthread-cpus", "--hostfile", "-hostfile", "--machinefile", "-machinefile"),
    *("--host", "-host", "-H"),
)
"""What in the arguments of mpirun changes the number of slots, or lets it be exceeded."""
_SLOT_VARIABLES = ("OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy")


def slot_check(ranks: int, section: Mpirun, facts: MachineFacts, probe: ProbeAnswer) -> Check | None:
    """Compare the ranks that Open MPI would start with its slots: one for each core that it may use.

    It refuses more at the first stage with ranks, which is after an hour of building.

    Args:
        ranks: number of ranks.
        section: `launch.mpirun` of the profile.
        facts: the facts of the machine.
        probe: what the interpreter of the ranks sees.

    Returns:
        None: slots do not limit this run: another MPI, or hosts, arguments or a Slurm job that state them.
    """
    if is_several(section):
        return None
    if facts.mpirun_is_open is False or probe.env.get("SLURM_JOB_ID"):
        return None
    stated = any(word in arg for arg in section.args for word in _STATES_SLOTS)
    if stated or any(name in facts.environment for name in _SLOT_VARIABLES):
        return None
    slots = probe.physical_cores or len(probe.cpus) or probe.cores
    if ranks <= slots:
        return Check("slots", "pass", f"{slots} for {plural(ranks, 'rank')}")
    text = f"Open MPI starts at most {plural(slots, 'rank')} here, one for each core, and {ranks} are needed"
    fix = f"--set parallel.tp={slots}, or --set 'launch.mpirun.args=[--oversubscribe]'"
    # In a container the MPI is not known.
    return Check("slots", "fail" if facts.mpirun_is_open else "warn", text, fix)
