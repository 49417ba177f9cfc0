"""The command `serve`: the dashboard in a browser."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys

from runner.cli.options import SubCommands, add_theme_option
from runner.errors import ExitCode, UserError, install_extra

LOCAL = "127.0.0.1"
LOOPBACK = (LOCAL, "localhost", "::1")
PORT = 8822
TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,}")


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="open the dashboard in a browser",
        description="Serve the dashboard to a browser. Needs the extra `serve`.",
    )
    serve.add_argument(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help=f"port to listen on (default {PORT}); 0 is any free port",
    )
    serve.add_argument(
        "--host", default=LOCAL, help=f"address to listen on (default {LOCAL}, only this machine)"
    )
    serve.add_argument(
        "--token", type=_token, help="token that the URL must contain (default: a new random token)"
    )
    add_theme_option(serve)
    serve.set_defaults(command=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from runner.cli import web_server
    except ImportError as error:
        raise UserError(
            f"the web view needs packages that are not installed ({error.name})",
            hint=install_extra("serve"),
        ) from None
    if theme := getattr(arguments, "theme", ""):
        os.environ["TRTBENCH_THEME"] = theme
    sock = web_server.open_socket(arguments.host, arguments.port)
    token = arguments.token or secrets.token_urlsafe(24)
    where = web_server.url_of(sock, arguments.host)

    def ready() -> None:
        print(f"{where}/?token={token}", flush=True)
        print("Ctrl-C ends the web view; runs continue", file=sys.stderr, flush=True)

    if arguments.host not in LOOPBACK:
        print(
            f"listening on {arguments.host}: everyone who can reach it and has the token can start and stop"
            " runs as you, and nothing is encrypted; `ssh -L` to the default host is safer",
            file=sys.stderr,
        )
    web_server.serve(sock, token, ready=ready)
    return ExitCode.OK


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; allowed: 0 to 65535")
    return int(text)


def _token(text: str) -> str:
    if not TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "not a token; allowed: at least 8 letters, digits, dots, dashes, underscores and tildes"
        )
    return text
