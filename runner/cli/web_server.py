"""A web server for the dashboard: it starts one process per page, which draws a separate dashboard.

A page can start and stop runs, so the server refuses every request without the token. The browser gets the
token once in the URL and keeps it in a cookie that it does not send for requests from other sites.
"""

from __future__ import annotations

import asyncio
import hmac
import shlex
import signal
import socket
import sys
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from runner.errors import UserError
from runner.util.daemon import IMPORT_ROOT

# Import by path: a directory named `runner` in the working directory must not be imported.
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.main import main; sys.exit(main([]))"
# The page loads nothing from other hosts: the machine may have no network access, and it leaks nothing.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " font-src 'self' data:; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)
REFUSED = "open the address that `trtbench-tui serve` printed, with its token\n"
GOODBYE_S = 2.0
"""How long open pages may take to close when the server ends."""


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


def serve(sock: socket.socket, token: str, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called when pages can be opened."""
    asyncio.run(_serve(sock, token, ready))


async def _serve(sock: socket.socket, token: str, ready: Callable[[], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(
        await DashboardServer(token, sock.getsockname()[1]).application(), shutdown_timeout=GOODBYE_S
    )
    await runner.setup()
    await web.SockSite(runner, sock).start()
    ready()
    await stopped.wait()
    await runner.cleanup()


class DashboardServer(Server):
    """Serves pages and starts the processes that draw on them."""

    def __init__(self, token: str, port: int) -> None:
        command = shlex.join([sys.executable, "-c", _BOOTSTRAP, str(IMPORT_ROOT)])
        super().__init__(command, title="trtbench-tui")
        self._token = token
        # Cookies are shared by all ports of a host, and there may be several servers.
        self._cookie = f"trtbench-{port}"

    async def application(self) -> web.Application:
        application = await self._make_app()
        application.middlewares.append(self._guard)
        return application

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the command prints the URL."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if "token" in request.query:
            return self._set_cookie(request)
        if not self._is_token(request.cookies.get(self._cookie, "")):
            raise web.HTTPUnauthorized(text=REFUSED)
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="another site may not use this dashboard\n")
        # The page requests its files from the host and port it was opened with, also through a tunnel.
        self.public_url = f"{request.scheme}://{request.host}"
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _set_cookie(self, request: web.Request) -> web.Response:
        """Store the token in a cookie and redirect to the URL without it, which a history may keep."""
        if not self._is_token(request.query["token"]):
            raise web.HTTPUnauthorized(text=REFUSED)
        response = web.HTTPSeeOther("/")
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
        return response
