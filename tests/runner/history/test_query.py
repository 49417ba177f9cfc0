"""Filters as they are typed: what they let through, and what is said of those that say nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from runner.history.query import GRAMMAR, filter_entries, needs_disk
from runner.history.run_entry import RunEntry
from runner.plan.plan import SweepMembership
from runner.util.errors import UserError
from tests.support.histories import DAY, NOW, entry, figure

RUNS = [
    entry("0001", "qwen2.5-7b", "finished", ago=60, seconds=62, gpus=("NVIDIA H200",), tags=("good", "v1.2"),
          figures=[figure(1000, 50), figure(1500, 80, batch_size=8)], disk=5 << 20),
    entry("0002", "qwen2.5-7b", "failed", ago=2 * 3600, seconds=7200, flags=3, cause="out of memory",
          note="after the driver update", gpus=("NVIDIA A10",)),
    entry("0003", "llama-3", "stopped", ago=DAY, name="Before The Fix", host="bench01", disk=3 << 30),
    entry("0004", "llama-3", "lost", ago=40 * DAY, engine="trtllm",
          sweep=SweepMembership(sweep="20260101T000000Z_s_abcd", cell=1)),
    entry("0005", "llama-3", "running", ago=10, seconds=10),
    entry("0006", "notes", "lost", engine="", started=0.0),
]  # fmt: skip


@pytest.fixture(autouse=True)
def in_london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def found(text: str) -> str:
    return " ".join(run.run[-1] for run in filter_entries(RUNS, text, now=NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1 2 3 4 5 6"),
        ("  ", "1 2 3 4 5 6"),
        ("qwen", "1 2"),
        ("QWEN fail", "2"),
        ("0003", "3"),
        ("before", "3"),
        ('"before the"', "3"),
        ('"before the', "3"),
        ("driver", "2"),
        ("v1.2", "1"),
        ("-llama", "1 2 6"),
        ("-llama -qwen", "6"),
        ("trtllm", "4"),
        ("q*n2", "1 2"),
        ("no run", "6"),
        ("profile:llama", "3 4 5"),
        ("profile:qwen*b", "1 2"),
        ("profile:qwen?", ""),
        ("-profile:llama,qwen", "6"),
        ("profile:llama,qwen", "1 2 3 4 5"),
        ("status:failed", "2"),
        ("status:fin,lost", "1 4"),
        ("status:ended", "1 2 3 4"),
        ("status:active", "5"),
        ("status:foreign", "6"),
        ("-status:ended", "5 6"),
        ("engine:trtllm", "4"),
        ("engine:torch", "1 2 3 5"),
        ("gpu:h200", "1"),
        ("gpu:a10,h200", "1 2"),
        ("host:bench01", "3"),
        ("tag:good", "1"),
        ("tag:goo", ""),
        ("tag:v1.*", "1"),
        ("tag:*", "1"),
        ("-tag:* qwen", "2"),
        ("name:fix", "3"),
        ('note:"driver update"', "2"),
        ("sweep:abcd", "4"),
        ("since:1h", "1 5"),
        ("since:today", "1 2 5"),
        ("since:yesterday", "1 2 3 5"),
        ("until:yesterday", "4"),
        ("since:2025-12-31_13:00 until:2026-01-01", "3"),
        ("since:2w", "1 2 3 5"),
        ("-since:2w", "4 6"),
        ("took:>1h", "2"),
        ("took:<=62 status:finished", "1"),
        ("took:10", "5"),
        ("tokens:>1.2k", "1"),
        ("tokens:>1500", ""),
        ("latency:<100", "1"),
        ("latency:<0.1s", "1"),
        ("warnings:>0", "2"),
        ("warnings:0 status:ended", "1 3 4"),
        ("disk:>1G", "3"),
        ("disk:<10m", "1"),
        ("STATUS:Failed", "2"),
    ],
)
def test_what_a_filter_lets_through(text: str, expected: str) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour:red", "unknown key colour: (known: profile, status, engine"),
        ("profil:x", "unknown key profil: (did you mean profile:?"),
        ("http://x", 'a word with a colon needs quotes: "http:..."'),
        ("status:", "status: needs a value: running, finished"),
        ("status:,", "status: needs a value"),
        ("status:great", "'great' is no status; allowed: starting, queued, running"),
        ("took:long", "took:long is invalid: expected a number with an optional unit (s, m, min, h, d, w)"),
        ("tokens:>", "tokens:> is invalid: expected a number with an optional unit (k), like tokens:>1000"),
        ("warnings:many", "warnings:many is invalid: expected a number, like warnings:0 or >0"),
        ("latency:>5min", "latency:>5min is invalid"),
        ("since:soon", "since:soon is no time: 2026-01-31"),
        ("since:2026-02-31", "since:2026-02-31 is no time"),
        ("until:3y", "until:3y is no time"),
        ("qwen -", "a `-` negates the term after it, but no term follows"),
    ],
)
def test_what_cannot_be_understood_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        found(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_every_term_is_explained_and_every_explained_term_works() -> None:
    examples = {"status:": "lost", "since:": "1d", "until:": "1d"}
    numbers = ("took:", "tokens:", "latency:", "warnings:", "disk:")
    for terms, _ in GRAMMAR:
        for term in terms.split():
            if term.endswith(":"):
                found(term + ("1" if term in numbers else examples.get(term, "x")))


def test_who_asks_for_room_on_the_disk() -> None:
    assert needs_disk("qwen -disk:>1G")
    assert not needs_disk('qwen "disk:" status:lost')


def test_an_entry_stays_what_it_is() -> None:
    runs = list(RUNS)
    result: list[RunEntry] = filter_entries(runs, "", now=NOW)
    assert result == RUNS
    assert result is not runs


def test_end_of_a_job_is_a_status_of_its_own() -> None:
    late = entry("0007", "on-slurm", "failed", job_end="time_limit")
    for text in ("status:timeout", "status:failed", "timeout"):
        assert filter_entries([*RUNS, late], text, now=NOW)[-1] is late
    assert late not in filter_entries([late], "status:preempted", now=NOW)
