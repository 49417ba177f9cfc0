"""Serve the metrics of a run over HTTP on this machine, with the server of prometheus_client."""

from __future__ import annotations

import contextlib
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from runner.export.prometheus import Gauge, gauges
from runner.report.model import Report
from runner.util import http_host
from runner.util.errors import UserError, install_extra

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
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


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    """A client that sends nothing must not keep others waiting."""

    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing: stderr shows the progress of the run."""


def _checked(application: WSGIApplication) -> WSGIApplication:
    """Return an application that refuses requests under the name of another site."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if http_host.is_own_host(environ.get("HTTP_HOST", ""), HOST):
            return application(environ, start_response)
        start_response("421 Misdirected Request", [("Content-Type", "text/plain")])
        return [http_host.REFUSED.encode()]

    return answer


@contextlib.contextmanager
def serve_metrics(port: int) -> Iterator[Callable[[Report], None]]:
    """Serve the last published report; port 0 takes a free port. The URL is printed on stderr.

    Raises:
        UserError: prometheus_client is not installed, or the port cannot be opened.
    """
    try:
        from prometheus_client import CollectorRegistry, make_wsgi_app
    except ImportError as error:
        raise UserError(
            f"serving metrics needs the package prometheus_client, which cannot be imported: {error}",
            hint=f"{install_extra('prometheus')}; --prometheus FILE.prom needs nothing",
        ) from None
    collector, registry = _Collector(), CollectorRegistry()
    registry.register(collector)
    try:
        server = make_server(
            HOST, port, _checked(make_wsgi_app(registry)), _ThreadingServer, handler_class=_SilentHandler
        )
    except OSError as error:
        raise UserError(f"cannot listen on {HOST}:{port}: {error.strerror}") from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"metrics are at http://{HOST}:{server.server_port}/metrics", file=sys.stderr, flush=True)

    def publish(found: Report) -> None:
        collector.shown = list(gauges(found))

    try:
        yield publish
    finally:
        server.shutdown()
        server.server_close()
