"""The recorded answers of Slurm's programs are read."""

from __future__ import annotations

import pytest

from runner.engines.slurm.ends import ending_by_signal, explain
from runner.engines.slurm.programs import Answer
from runner.engines.slurm.queue import find_record
from runner.engines.slurm.records import JobRecord, parse_sacct, parse_scontrol, parse_squeue
from runner.run.job import Job
from tests.support.slurm import recorded


def test_queue_has_state_reason_priority_and_expected_start() -> None:
    jobs = {job.id: job for job in parse_squeue("garbage|line\n" + recorded("squeue"))}
    waiting = jobs["34"]
    assert (waiting.state, waiting.waits, waiting.reason) == ("PENDING", True, "Priority")
    assert waiting.priority == 4294901726
    assert waiting.starts == 1795976100
    unknown = jobs["16"]
    assert unknown.reason.startswith("Nodes required for job are DOWN, DRAINED")
    assert unknown.starts is None
    assert (jobs["15"].state, jobs["15"].nodes, jobs["15"].waits) == ("RUNNING", "n[1-2]", False)


@pytest.mark.parametrize(
    ("number", "end", "sentence"),
    [
        ("30", "time_limit", "job 30 reached its time limit on n1 (TIMEOUT)"),
        ("18", "preempted", "job 18 was preempted: another one took its nodes (n1)"),
        ("32", "node_failed", "a node of job 32 failed (n2): NODE_FAIL"),
        ("3", "cancelled", "job 3 was cancelled by root"),
        ("31", "failed", "job 31 could not start on n1: the node does not see the run directory"),
        ("2", "failed", "job 2 ended before the run began on n1 (FAILED, exit code 5:0)"),
    ],
)
def test_accounting_names_the_end(number: str, end: str, sentence: str) -> None:
    record = parse_sacct(recorded("sacct"), number)
    assert record is not None
    found = explain(record, started=False)
    assert (found.end, found.cause) == (end, sentence)


def test_killed_supervisor_is_not_a_failed_job() -> None:
    found = explain(JobRecord("5", "FAILED", nodes="n1", exit_code="0:9"), started=True)
    assert found.cause == "its supervisor was killed in job 5 on n1 (FAILED, exit code 0:9)"


@pytest.mark.parametrize(
    ("answer", "silent", "now", "end"),
    [
        ("scontrol-notice", "", 1795974711.0, "time_limit"),
        ("scontrol-notice", "", 1795974600.0, None),
        ("scontrol-notice", "n1", 1795974600.0, "node_failed"),
        ("scontrol-preempted", "", 1795975448.0, "preempted"),
        ("scontrol-cancelled", "", 1795975821.0, "cancelled"),
    ],
)
def test_why_slurm_sends_sigterm(answer: str, silent: str, now: float, end: str | None) -> None:
    assert ending_by_signal(parse_scontrol(recorded(answer)), silent, now) == end


def test_ending_job_has_its_cause_as_reason() -> None:
    jobs = {job.id: job for job in parse_squeue(recorded("squeue"))}
    assert ending_by_signal(jobs["30"], "", 1795976031.0) == "time_limit"


def test_controller_is_asked_where_there_is_no_accounting() -> None:
    def asker(argv: list[str]) -> Answer:
        if argv[0] == "sacct":
            return Answer("", "Slurm accounting storage is disabled")
        return Answer(recorded("scontrol-preempted").replace("COMPLETING", "PREEMPTED"), "")

    job = Job(id="15", user="u", host="h", submitted=0.0)
    record = find_record(job, asker)
    assert record is not None
    assert (record.state, record.preempted, record.nodes) == ("PREEMPTED", True, "n1")
    assert find_record(job, lambda argv: Answer("", "Invalid job id specified")) is None
