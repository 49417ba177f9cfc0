"""Metrics of requests in flight: goodput under an SLO, and intervals from the requests."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner.metrics import MetricContext, compute_all, values
from runner.metrics.compute import estimates
from runner.metrics.registry import BY_NAME
from runner.metrics.serving import GOODPUT, PER_USER, SLO_SHARE
from runner.state.run import RunState


def served(slo: ev.Slo | None, *, streamed: bool = True, n: int = 100) -> RunState:
    """Requests of 100 to 199 ms, mixed, one after the other; first token after a tenth, 10 tokens each."""
    latencies = [100.0 + (i * 37) % n for i in range(n)]
    state = RunState()
    state.apply_all(
        [
            ev.ConfigurationStarted(
                t=0, stage=0, index=0, batch_size=0, input_len=8, output_len=10, num_runs=0, duration=0,
                warm_up=0, requests=n, slo=slo,
            ),
            ev.Requests(
                t=1, stage=0, start_ms=[sum(latencies[:i]) for i in range(n)], latency_ms=latencies,
                ttft_ms=[one / 10 if streamed else None for one in latencies],
                per_token_ms=[one / 10 if streamed else None for one in latencies],
                input_tokens=[8] * n, output_tokens=[10] * n,
            ),
        ]
    )  # fmt: skip
    return state


@pytest.mark.parametrize(
    ("slo", "good"),
    [
        (ev.Slo(e2e_ms=1000), 100),
        (ev.Slo(e2e_ms=149), 50),
        (ev.Slo(e2e_ms=149, ttft_ms=11.9), 20),
        (ev.Slo(tpot_ms=1), 0),
    ],
    ids=["all", "whole request", "two bounds", "none"],
)
def test_goodput_counts_requests_that_meet_every_bound(slo: ev.Slo, good: int) -> None:
    (configuration,) = served(slo).configurations
    found = compute_all((GOODPUT, SLO_SHARE), MetricContext(configuration))
    assert found[GOODPUT].value == pytest.approx(good / 14.95)
    assert found[SLO_SHARE].value == good
    assert found[GOODPUT].note.endswith(" ms")


@pytest.mark.parametrize(
    ("slo", "why"),
    [(None, "no SLO is stated"), (ev.Slo(ttft_ms=5), "tokens were not streamed")],
    ids=["no bounds", "not streamed"],
)
def test_goodput_without_bounds_or_times_is_no_number(slo: ev.Slo | None, why: str) -> None:
    (configuration,) = served(slo, streamed=False).configurations
    found = compute_all((GOODPUT,), MetricContext(configuration))[GOODPUT]
    assert found.value is None
    assert found.note.startswith(why)


def test_numbers_of_requests_have_intervals() -> None:
    (configuration,) = served(None).configurations
    rows = {row.metric.name: row for row in values(configuration, 1)}
    known = estimates(configuration, 1)
    for name in ("request_latency_ms", "request_latency_p50_ms", "ttft_ms", PER_USER.name):
        row, estimate = rows[name], known[BY_NAME[name]]
        assert row.low is not None, name
        assert row.high is not None, name
        assert row.value is not None, name
        assert row.value == estimate.value
        assert row.low < row.value < row.high
    assert rows["request_latency_p99_ms"].high is None, "100 correlated requests do not bound it"
