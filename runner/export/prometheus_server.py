"""Serve the metrics of a run over HTTP on this machine, with the server of prometheus_client."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.errors import UserError, install_extra
from runner.export.prometheus import Gauge, gauges
from runner.report.model import Report

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

HOST = "127.0.0.1"


@dataclass(eq=False)
class _Collector:
    """Gives the gauges of the last report to scrapes, which run in a thread of the server."""

    shown: list[Gauge] = field(default_factory=list)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        from prometheus_client.core import GaugeMetricFamily

        for gauge in self.shown:
            family = GaugeMetricFamily(gauge.name, gauge.text, labels=list(gauge.samples[0][0]))
            for labels, value in gauge.samples:
                family.add_metric(list(labels.values()), value)
            yield family


@contextlib.contextmanager
def serve_metrics(port: int) -> Iterator[Callable[[Report], None]]:
    """Serve the last published report; port 0 takes a free port. The URL is printed on stderr.

    Raises:
        UserError: prometheus_client is not installed, or the port cannot be opened.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise UserError(
            f"serving metrics needs the package prometheus_client, which cannot be imported: {error}",
            hint=f"{install_extra('prometheus')}; --prometheus FILE.prom needs nothing",
        ) from None
    collector, registry = _Collector(), CollectorRegistry()
    registry.register(collector)
    try:
        server, _ = start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        raise UserError(f"cannot listen on {HOST}:{port}: {error.strerror}") from None
    print(f"metrics are at http://{HOST}:{server.server_port}/metrics", file=sys.stderr, flush=True)

    def publish(found: Report) -> None:
        collector.shown = list(gauges(found))

    try:
        yield publish
    finally:
        server.shutdown()
        server.server_close()
