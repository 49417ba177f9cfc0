"""A message when a run has ended: what it says, and what comes of sending it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from runner.history.reports import load_report
from runner.supervision import hook, webhook
from runner.util import paths
from tests.support import recorded_runs
from tests.support.runs import single, start, wait_for, wait_until_ended


class Received(BaseHTTPRequestHandler):
    bodies: list[dict[str, str]] = []  # noqa: RUF012 - the fixture makes a new class

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200 if self.path == "/T1/secret" else 404)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, str]]]]:
    bodies: list[dict[str, str]] = []
    handler = type("Handler", (Received,), {"bodies": bodies})
    with HTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", bodies
        found.shutdown()
        thread.join()


def test_the_message_has_the_headline_numbers(tmp_path: Path) -> None:
    report = load_report(recorded_runs.finished(4).write(tmp_path))
    lines = webhook.message_of(report).splitlines()
    assert lines[0].startswith(f"finished: {report.profile} on ")
    assert lines[1].startswith("batch 1 ")
    assert lines[1].endswith(" ms")
    assert lines[4] == "and 1 configuration more"
    assert lines[5].startswith("trtbench-tui show ")


def test_the_message_of_a_failure_has_its_cause(tmp_path: Path) -> None:
    report = load_report(recorded_runs.failed().write(tmp_path))
    assert webhook.message_of(report).splitlines()[1] == report.cause


def test_text_makes_no_mention_and_the_address_stays_secret(
    server: tuple[str, list[dict[str, str]]],
) -> None:
    address, bodies = server
    assert (
        webhook.send(f"{address}/T1/secret", "<!channel> & <http://x|y>") == "message sent to 127.0.0.1: 200"
    )
    assert bodies == [{"text": "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"}]
    refused = webhook.send(f"{address}/T1/other-secret", "")
    assert refused == "127.0.0.1 refused the message: 404 Not Found"
    unreachable = webhook.send("http://127.0.0.1:1/T1/secret", "")
    assert unreachable.startswith("no message could be sent to 127.0.0.1: ")
    assert "secret" not in refused + unreachable


def test_a_run_that_ends_tells_the_webhook_of_the_settings(server: tuple[str, list[dict[str, str]]]) -> None:
    address, bodies = server
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(f"hooks: {{webhook: {address}/T1/secret}}\n")
    run_dir = start(msgspec.structs.replace(single("ok"), webhook=True))
    assert wait_until_ended(run_dir).status == "finished"
    log = run_dir / hook.LOG
    wait_for(lambda: log.exists() and "[trtbench]" in log.read_text(), "the end of the hook")
    assert log.read_text() == "[trtbench] message sent to 127.0.0.1: 200\n"
    assert bodies[0]["text"].startswith("finished: program on ")
