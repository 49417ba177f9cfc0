"""Judge whether a stage succeeded, and say why it did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.engines.diagnosis import Diagnosis, describe_exit
from runner.plan.plan import Stage
from runner.state.run import RunState
from runner.supervision.run_log import RunLog

_NEVER_ENDED = (
    "a known bug makes it hang if it cannot write its iteration log: set benchmark.iteration_log: false,"
    " or raise benchmark.shutdown_timeout if ending takes long"
)

_LOST_NODE = "see whether that node is reachable and what its kernel log says, or leave it out of the hosts"


@dataclass(frozen=True)
class EndedProgram:
    """What was observed of the program of a stage."""

    stage: Stage
    exit_code: int
    diagnosis: Diagnosis
    no_result_reason: str
    """why it measured nothing, as it says; empty: it gave no reason"""
    measured: bool
    """it reported a result"""
    timed_out: bool
    """the time limit of the run ended it"""
    never_ended: str
    """what it did not finish after its measurement; empty: it ended by itself, or was stopped"""
    lost_node: str = ""
    """the node whose loss ended it; empty: none was lost"""
    explain_node: Callable[[str], str] | None = None
    """says what is known of a node (empty name: of all) that explains missing ranks; None: one machine"""


def find_cause(program: EndedProgram, run_log: RunLog) -> tuple[str, str]:
    """Return why a stage failed, and a remedy; empty: it did not fail.

    Success: exit code 0, every rank ended with a matching record count, and a result was read.
    """
    diagnosis, stage = program.diagnosis, program.stage
    hellos = [rank.hello for rank in run_log.state.ranks.values() if rank.hello is not None]
    diagnosis.name_crashed_rank({hello.rank: hello.pid for hello in hellos})
    if program.timed_out:
        limit = run_log.plan.time_limit
        return f"the run reached its time limit of {limit} s (launch.time_limit)", "raise the limit"
    if program.never_ended:
        late = f"did not {program.never_ended} within {stage.shutdown_s} s after it had measured"
        if program.measured:
            run_log.warn(f"the benchmark {late}; it was terminated, its report was complete")
            return "", ""
        known = diagnosis.known or (f"the benchmark {late} and was terminated; it had reported nothing", "")
        return known[0], known[1] or _NEVER_ENDED
    if program.lost_node:
        return f"{program.lost_node}, and the ranks reported nothing more", _LOST_NODE
    if program.exit_code != 0:
        cause, remedy = diagnosis.cause(program.exit_code)
        if program.explain_node is not None and (why := program.explain_node("")):
            return f"{cause}; {why}", remedy or _LOST_NODE
        sure = diagnosis.is_bus_error(program.exit_code)
        return _with_full_disk(cause, remedy, program, run_log, sure=sure)
    if stage.reports and (missing := missing_records(run_log.state, program.explain_node)):
        # A full disk or a lost connection is the cause of missing records.
        cause, remedy = (diagnosis.known[0], missing) if diagnosis.known is not None else (missing, "")
        return _with_full_disk(cause, remedy, program, run_log, sure=True)
    if stage.name == "benchmark" and not program.measured:
        reason = program.no_result_reason
        why = f": {reason}" if reason else diagnosis.first_error
        cause = f"the benchmark ended with {describe_exit(program.exit_code)} but printed no result{why}"
        return _with_full_disk(cause, "", program, run_log, sure=False)
    return "", ""


def _with_full_disk(
    cause: str, remedy: str, program: EndedProgram, run_log: RunLog, *, sure: bool
) -> tuple[str, str]:
    """Name the disks that were full while the stage ran, unless something else is known to be the cause.

    `sure`: a full disk explains such a failure; else it is named as what was seen at the same time.
    """
    diagnosis = program.diagnosis
    if not run_log.full_disks or not diagnosis.may_be_of_disk:
        return cause, remedy
    names = [
        "the run directory" if folder == run_log.run_dir else str(folder)
        for folder in run_log.full_disks.values()
    ]
    full = f"the disk of {' and of '.join(names)} was full"
    remedy = "make room there and run it again"
    if diagnosis.known is not None:
        return (f"{full} ({why})" if (why := diagnosis.known_exception) else full), remedy
    return (f"{full}: {cause}" if sure else f"{cause}; {full} at that time"), remedy


def missing_records(state: RunState, explain_node: Callable[[str], str] | None = None) -> str:
    """Return what is wrong with the records of the ranks; empty: they are complete.

    Args:
        state: of the run.
        explain_node: as in `EndedProgram`; with it, the node of the rank is named.
    """
    for rank in state.ranks.values():
        if rank.hello is None:
            why = f": {facts}" if explain_node is not None and (facts := explain_node("")) else ""
            return f"rank {rank.rank} never reported: it did not start, or its records were lost{why}"
        if rank.hello.world != len(state.ranks):
            return f"rank {rank.rank} saw {rank.hello.world} ranks instead of {len(state.ranks)}"
        host, where, why = rank.hello.host, "", ""
        if explain_node is not None:
            where = f" on {host}"
            facts = explain_node(host) or explain_node("")  # the loss of one node ends the ranks of others
            why = f": {facts}" if facts else ""
        if rank.bye is None:
            return f"rank {rank.rank}{where} ended after {rank.records} records without finishing{why}"
        if not rank.complete:
            return f"rank {rank.rank}{where} sent {rank.bye.count} records, {rank.records} arrived{why}"
    return ""
