"""The dashboard in a browser: each page is a dashboard of its own, drawn by a process that the server starts.

Whoever can open the page can start and stop runs, so nothing is answered without the token. It comes in the
address once and stays in a cookie that no other site can make the browser send.
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

# Found by path: a folder called `runner` where the server was started must not matter.
_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.main import main; sys.exit(main([]))"
# Nothing is fetched from elsewhere: the machine may have no way out, and nobody needs to know that it runs.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " font-src 'self' data:; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)
REFUSED = "open the address that `trtbench-tui serve` printed, with its token\n"
GOODBYE_S = 2.0
"""How long open pages get to end when the server does."""


def listen(host: str, port: int) -> socket.socket:
    """The socket that the server answers on; port 0: any that is free.

    Raises:
        UserError: the port is taken, or the host is none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise UserError(f"--host {host}: not an address of this machine: {error.strerror}") from None
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error.strerror or error}", hint="--port takes another one"
        ) from None


def address(sock: socket.socket, host: str) -> str:
    """`http://host:port` of a listening socket."""
    return f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"


def serve(sock: socket.socket, token: str, *, ready: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM; `ready` is called when pages can be opened."""
    asyncio.run(_serve(sock, token, ready))


async def _serve(sock: socket.socket, token: str, ready: Callable[[], None]) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    runner = web.AppRunner(
        await Pages(token, sock.getsockname()[1]).application(), shutdown_timeout=GOODBYE_S
    )
    await runner.setup()
    await web.SockSite(runner, sock).start()
    ready()
    await over.wait()
    await runner.cleanup()


class Pages(Server):
    """The pages, and the processes that draw on them."""

    def __init__(self, token: str, port: int) -> None:
        command = shlex.join([sys.executable, "-c", _BOOTSTRAP, str(IMPORT_ROOT)])
        super().__init__(command, title="trtbench-tui")
        self._token = token
        # Cookies do not tell ports apart, and there may be several servers.
        self._cookie = f"trtbench-{port}"

    async def application(self) -> web.Application:
        application = await self._make_app()
        application.middlewares.append(self._guard)
        return application

    async def on_startup(self, app: web.Application) -> None:
        """Nothing to say: the command has told the address."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if "token" in request.query:
            return self._let_in(request)
        if not self._known(request.cookies.get(self._cookie, "")):
            raise web.HTTPUnauthorized(text=REFUSED)
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="another site may not use this dashboard\n")
        # The page asks for what it needs where it came from, also through a tunnel under another port.
        self.public_url = f"{request.scheme}://{request.host}"
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response

    def _known(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _let_in(self, request: web.Request) -> web.Response:
        """From the address with the token to the one without, which may stand in a history."""
        if not self._known(request.query["token"]):
            raise web.HTTPUnauthorized(text=REFUSED)
        response = web.HTTPSeeOther("/")
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
        return response
