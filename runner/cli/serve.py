"""`serve`: the dashboard in a browser."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys

from runner.cli.options import Commands, add_theme_option
from runner.errors import ExitCode, UserError

LOCAL = "127.0.0.1"
LOOPBACK = (LOCAL, "localhost", "::1")
PORT = 8822
TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,}")


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="the dashboard in a browser; needs the extra `serve`")
    serve.add_argument(
        "--port", type=_port, default=PORT, metavar="N", help=f"default {PORT}; 0: any free one"
    )
    serve.add_argument(
        "--host", default=LOCAL, help=f"address to listen on (default {LOCAL}: this machine alone)"
    )
    serve.add_argument(
        "--token", type=_token, help="what the address must contain (default: a new random one)"
    )
    add_theme_option(serve)
    serve.set_defaults(command=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from runner.cli import web_server
    except ImportError as error:
        raise UserError(
            f"the web view needs packages that are not installed ({error.name})",
            hint="pip install 'trtbench-tui[serve]'",
        ) from None
    if theme := getattr(arguments, "theme", ""):
        os.environ["TRTBENCH_THEME"] = theme
    sock = web_server.listen(arguments.host, arguments.port)
    token = arguments.token or secrets.token_urlsafe(24)
    where = web_server.address(sock, arguments.host)

    def ready() -> None:
        print(f"{where}/?token={token}", flush=True)
        print("Ctrl-C ends the web view; runs go on", file=sys.stderr, flush=True)

    if arguments.host not in LOOPBACK:
        print(
            f"listening on {arguments.host}: everybody who reaches it and has the token can start and stop"
            " runs as you, and nothing is encrypted; `ssh -L` to the default host is safer",
            file=sys.stderr,
        )
    web_server.serve(sock, token, ready=ready)
    return ExitCode.OK


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: 0 to 65535")
    return int(text)


def _token(text: str) -> str:
    if not TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "not a token; allowed: 8 or more letters, digits, dots, dashes, underscores and tildes"
        )
    return text
