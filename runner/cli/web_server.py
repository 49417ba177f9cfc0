"""A web server for the dashboard: it starts one process per page, which draws a separate dashboard.

A page can start and stop runs, so the server refuses every request without the token. The browser sends the
token once in the URL and gets a random session value for it, in a cookie that it does not send for requests
from other sites. A guess of the token costs time, and names of other sites are refused (`http_host`).
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from runner.cli import web_page
from runner.util import http_host
from runner.util.daemon import IMPORT_ROOT
from runner.util.errors import UserError

# Import by path: a directory named `runner` in the working directory must not be imported.
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.main import main; sys.exit(main([]))"
REFUSED = "open the address that `trtbench-tui serve` printed, with its token\n"
TOO_MANY_GUESSES = "too many wrong tokens: try again in a moment\n"
TOO_MANY_PAGES = "too many pages are open: close one of them\n"
GOODBYE_S = 2.0
"""How long open pages may take to close when the server ends."""
MAX_PAGES = 8
"""Each page is a process."""
FREE_GUESSES = 5
"""Wrong tokens in a row without a wait; then one a second."""


def open_socket(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes any free port.

    Raises:
        UserError: the port is in use, or the host is not an address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise UserError(f"--host {host}: not an address of this machine: {error.strerror}") from None
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another port with --port",
        ) from None


def url_of(sock: socket.socket, host: str) -> str:
    """Return `http://host:port` of a listening socket."""
    return f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"


def serve(sock: socket.socket, host: str, token: str, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called when pages can be opened."""
    asyncio.run(_serve(sock, host, token, ready))


async def _serve(sock: socket.socket, host: str, token: str, ready: Callable[[], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = DashboardServer(token, host, sock.getsockname()[1])
    runner = web.AppRunner(server.application(), shutdown_timeout=GOODBYE_S)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    ready()
    await stopped.wait()
    await runner.cleanup()


@dataclass(slots=True)
class Guesses:
    """Limits how fast tokens can be tried: some wrong ones at once, then one a second."""

    left: float = FREE_GUESSES
    since: float = 0.0

    def may_try(self, now: float) -> bool:
        """Check whether a token may be tried at a time (monotonic, s)."""
        self.left = min(FREE_GUESSES, self.left + now - self.since)
        self.since = now
        return self.left >= 1

    def count_wrong(self) -> None:
        self.left -= 1


class DashboardServer(Server):
    """Serves pages and starts the processes that draw on them."""

    def __init__(self, token: str, host: str, port: int) -> None:
        command = shlex.join([sys.executable, "-c", _BOOTSTRAP, str(IMPORT_ROOT)])
        super().__init__(command, title="trtbench-tui")
        self._token = token
        self._session = secrets.token_urlsafe(32)
        self._listening = host
        # Cookies are shared by all ports of a host, and there may be several servers.
        self._cookie = f"trtbench-{port}"
        self._guesses = Guesses()
        self._pages = 0

    def application(self) -> web.Application:
        """Return the application: the page, its files, its connection and its downloads."""
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self.handle_websocket),
                web.get("/download/{key}", self.handle_download),
                web.static("/static", self.statics_path),
            ]
        )
        application.on_response_prepare.append(self._add_headers)
        return application

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Start a dashboard for a page, unless there are too many."""
        if self._pages >= MAX_PAGES:
            raise web.HTTPServiceUnavailable(text=TOO_MANY_PAGES)
        self._pages += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._pages -= 1

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=web_page.render(f"{_socket_of(request)}/ws"), content_type="text/html")

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add headers to every response, also to refusals."""
        is_own = http_host.is_own_host(request.host, self._listening)
        response.headers["Content-Security-Policy"] = web_page.policy(_socket_of(request) if is_own else "")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not http_host.is_own_host(request.headers.get("Host", ""), self._listening):
            raise web.HTTPMisdirectedRequest(text=http_host.REFUSED)
        if "token" in request.query:
            raise self._opened_session(request.query["token"])
        if not _is_same(request.cookies.get(self._cookie, ""), self._session):
            raise web.HTTPUnauthorized(text=REFUSED)
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="another site may not use this dashboard\n")
        return await handler(request)

    def _opened_session(self, token: str) -> web.HTTPSeeOther:
        """Return a cookie, and a redirection to the URL without the token, which a history may keep."""
        if not self._guesses.may_try(time.monotonic()):
            raise web.HTTPTooManyRequests(text=TOO_MANY_GUESSES, headers={"Retry-After": "1"})
        if not _is_same(token, self._token):
            self._guesses.count_wrong()
            raise web.HTTPUnauthorized(text=REFUSED)
        response = web.HTTPSeeOther("/")
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict")
        return response


def _is_same(given: str, wanted: str) -> bool:
    # A header may have any bytes, which aiohttp keeps as surrogates.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _socket_of(request: web.Request) -> str:
    """Return the start of the URL of connections: the page uses the host that it was opened with."""
    return f"{'wss' if request.scheme == 'https' else 'ws'}://{request.host}"
