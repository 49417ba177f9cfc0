"""Every number explains itself, everywhere in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import metrics
from runner.cli.main import main
from runner.metrics import explain
from runner.metrics.lookup import ALIASES, find_metric
from runner.util.errors import UserError


@pytest.mark.parametrize(
    "words", [["metrics"], ["help", "metrics"], ["--help", "metrics"], ["-h", "metrics"]]
)
def test_the_command_explains_every_metric(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    for metric in metrics.BY_NAME.values():
        for text in (metric.name, metric.formula, metric.source, metric.count, metric.conditions):
            assert text in said


def test_one_metric_by_an_alias(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "metrics", "latency_ms.p95"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "p95"
    assert lines[1].split() == ["name", "latency_p95_ms"]
    assert main(["metrics", "nope"]) == 2
    assert "there is no metric 'nope'" in capsys.readouterr().err


def test_help_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help", "compare"], ["--help", "compare"]):
        with pytest.raises(SystemExit) as exit_:
            main(words)
        assert exit_.value.code == 0
        assert "usage: trtbench-tui compare" in capsys.readouterr().out


def test_the_page_of_documentation_is_made_of_the_definitions() -> None:
    page = Path(metrics.__file__).parent / "METRICS.md"
    assert page.read_text() == explain.as_markdown(), "write it anew: python -m runner.metrics.explain"


def test_names_and_aliases() -> None:
    assert find_metric("latency_ms") is metrics.LATENCY
    assert find_metric("latency_ms.p50") is metrics.P50
    assert {name: metric.name for name, metric in ALIASES.items() if name.startswith("latency_ms.")} == {
        "latency_ms.mean": "latency_ms",
        "latency_ms.p50": "latency_p50_ms", "latency_ms.p95": "latency_p95_ms",
        "latency_ms.p99": "latency_p99_ms", "latency_ms.min": "latency_min_ms",
        "latency_ms.max": "latency_max_ms", "latency_ms.sd": "latency_sd_ms",
        "latency_ms.cv": "latency_cv_percent",
    }  # fmt: skip
    assert find_metric("ttft_ms.p95") is metrics.BY_NAME["ttft_p95_ms"]
    assert find_metric("request_latency_ms.max") is metrics.BY_NAME["request_latency_max_ms"]
    assert find_metric("inter_token_latency_ms.mean") is metrics.BY_NAME["inter_token_latency_ms"]
    with pytest.raises(UserError, match="did you mean latency_ms"):
        find_metric("latency_mss")
