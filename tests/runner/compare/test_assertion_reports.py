"""Assertions as JUnit XML and as a summary of a CI step."""

from __future__ import annotations

from xml.etree import ElementTree

from runner.compare.assertion_reports import as_junit, as_summary
from runner.compare.assertions import Finding

FINDINGS = [
    Finding(
        assertion="latency_ms < 60", configuration="batch 1 128→128", outcome="PASS", left=50.0, right=60.0
    ),
    Finding(
        assertion="tokens_per_sec > 0.97 * baseline",
        configuration="batch 8 128→128",
        outcome="FAIL",
        left=900.0,
        right=970.0,
        low=-90.0,
        high=-50.0,
    ),
    Finding(
        assertion="latency_ms < 1",
        configuration="",
        outcome="INCONCLUSIVE",
        why='no <b>configuration</b> & "nothing"\x1b[31m\x00\ufffe was measured',
    ),
]


def test_junit_has_a_case_for_each_finding() -> None:
    root = ElementTree.fromstring(as_junit(FINDINGS, "qwen", ["20260101T000000Z_qwen_7f3a"]))
    suite = root.find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }
    passed, failed, undecided = suite.findall("testcase")
    assert passed.get("classname") == "qwen"
    assert passed.get("name") == "batch 1 128→128 latency_ms < 60"
    assert not list(passed)
    assert failed[0].tag == "failure"
    assert failed[0].get("message") == "900 against 970, difference -90 to -50, 95 %"
    assert undecided[0].tag == "skipped"
    message = undecided[0].get("message") or ""
    assert message.startswith('inconclusive: no <b>configuration</b> & "nothing"')
    assert "\x1b" not in message
    prop = suite.find("properties/property")
    assert prop is not None
    assert prop.get("value") == "20260101T000000Z_qwen_7f3a"


def test_the_summary_is_a_table_of_which_text_makes_no_markup() -> None:
    lines = as_summary(FINDINGS, "qwen", ["a", "b"]).splitlines()
    assert lines[0] == "### trtbench-tui: qwen"
    assert [line.split()[1] for line in lines[4:7]] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert "<b>" not in "\n".join(lines)
    assert lines[-1] == "runs: a, b"
