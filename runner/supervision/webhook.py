"""A message to the user's webhook when a run has ended, in the JSON form that Slack and others accept."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from runner.report.model import Report
from runner.report.result_table import configuration_name
from runner.util.formatting import command, duration, format_number, plural

TIMEOUT_S = 20.0
SHOWN = 3
"""configurations in one message"""
_HEADLINES = (("tokens_per_sec", "latency_ms"), ("output_tokens_per_sec", "request_latency_ms"))
"""throughput and latency: of fixed batches, and of requests in flight"""


def message_of(report: Report) -> str:
    """Return how the run ended, its headline numbers or its cause, and the command that shows it."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    name = report.run.rpartition("_")[2] or report.run
    yield f"{report.status}: {report.profile} on {report.host} after {duration(report.seconds)}"
    if report.cause:
        yield report.cause
    for one in report.configurations[:SHOWN]:
        values = {row.metric: row.value for row in one.rows if row.value is not None}
        for throughput, latency in _HEADLINES:
            if throughput in values and latency in values:
                numbers = (
                    f"{format_number(values[throughput], 1)} tokens/s, {format_number(values[latency], 1)} ms"
                )
                yield f"{configuration_name(one)}: {numbers}"
    if (more := len(report.configurations) - SHOWN) > 0:
        yield f"and {plural(more, 'configuration')} more"
    yield command("show", name)


def send(address: str, text: str) -> str:
    """Send a text and return what came of it; the address is a secret, so that only its host is named."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # no mentions, no links
    host = urlsplit(address).hostname or "the webhook"
    request = urllib.request.Request(
        address, msgspec.json.encode({"text": escaped}), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return f"message sent to {host}: {answer.status}"
    except urllib.error.HTTPError as error:
        return f"{host} refused the message: {error.code} {error.reason}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"no message could be sent to {host}: {getattr(error, 'reason', None) or error}"
