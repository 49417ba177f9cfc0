from __future__ import annotations

import pytest

from runner.events.run import Queued
from runner.state.waiting import waiting_text


@pytest.mark.parametrize(
    ("queued", "text"),
    [
        (
            Queued(t=0, device="cpu", holder="20251231T235900Z_other_1223", user="alice"),
            "waiting for the CPU: in use by run 1223 (alice)",
        ),
        (Queued(t=0, device="gpu-3", holder="a_b", waits=True), "waiting for GPU 3: run b came first"),
        (
            Queued(t=0, device="gpu-3", holder="process 7", node="node2"),
            "waiting for GPU 3 of node2: in use by process 7",
        ),
    ],
    ids=["user", "queue", "node"],
)
def test_a_wait_names_device_and_holder(queued: Queued, text: str) -> None:
    assert waiting_text(queued) == text
