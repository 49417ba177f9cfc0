"""The command `serve`: the dashboard in a browser."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import stat
import sys
from pathlib import Path

from runner.cli.options import SubCommands, add_theme_option
from runner.util.errors import UserError, install_extra
from runner.util.exit_codes import ExitCode

LOCAL = "127.0.0.1"
LOOPBACK = (LOCAL, "localhost", "::1")
PORT = 8822
VARIABLE = "TRTBENCH_SERVE_TOKEN"
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
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"file with the token that the URL must contain (default: ${VARIABLE}, else a new random token)",
    )
    # Without it, argparse would take it as an abbreviation.
    serve.add_argument("--token", type=_refuse, help=argparse.SUPPRESS)
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
    token = _given_token(arguments.token_file) or secrets.token_urlsafe(24)
    sock = web_server.open_socket(arguments.host, arguments.port)
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
    web_server.serve(sock, arguments.host, token, ready=ready)
    return ExitCode.OK


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; allowed: 0 to 65535")
    return int(text)


def _refuse(_: str) -> str:
    raise argparse.ArgumentTypeError(
        f"every user could read it in the list of processes; allowed: --token-file FILE, or ${VARIABLE}"
    )


def _given_token(path: Path | None) -> str:
    """Return the token of a file or of the environment, from which it is removed; empty: none is given.

    Raises:
        UserError: it is not a token, or the file cannot be read or can be read by other users.
    """
    token = os.environ.pop(VARIABLE, "")
    where = f"${VARIABLE}"
    if path is not None:
        where = f"--token-file {path}"
        try:
            if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                raise UserError(f"{where}: other users can read it", hint=f"chmod 600 {path}")
            token = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise UserError(f"{where}: cannot be read: {error.strerror}") from None
    if (token or path is not None) and not TOKEN.fullmatch(token):
        raise UserError(
            f"{where}: not a token; allowed: at least 8 letters, digits, dots, dashes, underscores and tildes"
        )
    return token
