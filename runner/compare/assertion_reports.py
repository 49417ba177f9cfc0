"""Findings of assertions as files for continuous integration: JUnit XML, and a summary in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from runner.compare.assertions import Finding, numbers_of
from runner.util import markdown
from runner.util.foreign_text import markdown_text, plain_text

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(findings: Sequence[Finding], profile: str, runs: Sequence[str]) -> bytes:
    """Return a JUnit report with a test case for each finding.

    FAIL is a failure. INCONCLUSIVE is skipped, with the reason: it is neither passed nor failed, and the exit
    code of `check` says so.

    Args:
        findings: one for each assertion and configuration.
        profile: its name is the class of the test cases.
        runs: ids of the checked runs, as a property of the suite.
    """
    failed = sum(finding.outcome == "FAIL" for finding in findings)
    undecided = sum(finding.outcome == "INCONCLUSIVE" for finding in findings)
    counts = {"tests": str(len(findings)), "failures": str(failed), "errors": "0", "skipped": str(undecided)}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(f"trtbench-tui {profile}"), **counts})
    properties = ElementTree.SubElement(suite, "properties")
    for run in runs:
        ElementTree.SubElement(properties, "property", {"name": "run", "value": _clean(run)})
    for finding in findings:
        name = " ".join(part for part in (finding.configuration, finding.assertion) if part)
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": _clean(profile), "name": _clean(name), "time": "0"}
        )
        text = _clean(" · ".join(part for part in (numbers_of(finding), finding.why) if part))
        if finding.outcome == "FAIL":
            ElementTree.SubElement(case, "failure", {"message": text})
        elif finding.outcome == "INCONCLUSIVE":
            ElementTree.SubElement(case, "skipped", {"message": f"inconclusive: {text}"})
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def as_summary(findings: Sequence[Finding], profile: str, runs: Sequence[str]) -> str:
    """Return a heading and a table in Markdown, as the summary of a CI step takes it."""
    return "\n".join(_summary(findings, profile, runs)) + "\n"


def _summary(findings: Sequence[Finding], profile: str, runs: Sequence[str]) -> Iterator[str]:
    yield f"### trtbench-tui: {markdown_text(profile)}"
    yield ""
    rows = [
        [
            finding.outcome,
            markdown_text(finding.configuration),
            markdown_text(finding.assertion),
            markdown_text(" · ".join(part for part in (numbers_of(finding), finding.why) if part)),
        ]
        for finding in findings
    ]
    yield from markdown.table(["outcome", "configuration", "assertion", "numbers"], rows, numbers=())
    yield ""
    yield f"runs: {', '.join(map(markdown_text, runs))}"


def _clean(text: str) -> str:
    """Return a text without control characters and without what XML cannot contain."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", plain_text(text))
