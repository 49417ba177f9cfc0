"""The dashboard in a browser, and its protection by the token."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import runner.cli
from runner.cli.main import main
from tests.support import browser
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S

PROGRAM = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"

aiohttp = pytest.importorskip("aiohttp", reason="needs the extra `serve`")
pytest.importorskip("textual_serve", reason="needs the extra `serve`")

from aiohttp import test_utils  # noqa: E402

from runner.cli import web_server  # noqa: E402


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", "--port", "0", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def address(home: Path) -> Iterator[str]:
    """URL that a server printed; the server must end with exit code 0."""
    server = started()
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.send_signal(signal.SIGINT)
    assert server.wait(PATIENCE_S) == 0


def parts(address: str) -> tuple[str, str]:
    match = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\?token=([\w-]{32})", address)
    assert match is not None, address
    return match[1], match[2]


TOKEN = "the-token-of-a-test"


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    """A client of a server in this process, without a session."""
    application = web_server.DashboardServer(TOKEN, "127.0.0.1", 8822).application()
    jar = aiohttp.CookieJar(unsafe=True)  # also store cookies of an IP address
    async with test_utils.TestClient(test_utils.TestServer(application), cookie_jar=jar) as client:
        yield client


@pytest.fixture
async def user(client: Any) -> Any:
    """A client that has opened the printed URL."""
    assert (await client.get("/", params={"token": TOKEN})).status == 200
    return client


@pytest.mark.parametrize("cookie", ["", TOKEN])
async def test_request_without_session_is_refused(client: Any, cookie: str) -> None:
    for path in ("/", "/static/js/textual.js", "/download/x", "/nowhere", "/?token=", "/?token=%C3%A9"):
        answer = await client.get(path, headers={"Cookie": f"trtbench-8822={cookie}"})
        assert answer.status == 401, path
        assert "with its token" in await answer.text()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await client.ws_connect("/ws?width=80&height=24")


async def test_cookie_of_any_bytes_is_refused(client: Any) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: trtbench-8822=\xe9\r\n\r\n")
    assert b" 401 " in await reader.readline()
    writer.close()


async def test_token_opens_a_session_in_a_same_site_cookie(client: Any) -> None:
    answer = await client.get("/", params={"token": TOKEN}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    answer = await client.get("/")
    page = await answer.text()
    assert answer.status == 200
    assert TOKEN not in page
    assert re.findall(r"https?://", page) == [], "the page names no other host"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert f"connect-src 'self' ws://{client.host}:{client.port};" in policy
    assert (await client.get("/", headers={"Origin": "http://elsewhere"})).status == 403


async def test_files_of_the_page_are_served_and_not_listed(user: Any) -> None:
    assert (await user.get("/static/js/textual.js")).status == 200
    assert (await user.get("/static/")).status == 403


@pytest.mark.parametrize("path", ["/", f"/?token={TOKEN}", "/ws"])
async def test_names_of_other_sites_are_refused(user: Any, path: str) -> None:
    for host in ("rebound.example:8822", "127.0.0.1.example", "[::1]; script-src *"):
        assert (await user.get(path, headers={"Host": host}, allow_redirects=False)).status == 421


async def test_wrong_tokens_cost_time_and_sessions_do_not(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.cli.web_server.time.monotonic", lambda: 1e9)
    statuses = [(await user.get("/", params={"token": "wrong-one"})).status for _ in range(8)]
    assert statuses == [401] * web_server.FREE_GUESSES + [429] * 3
    assert (await user.get("/", params={"token": TOKEN})).status == 429
    assert (await user.get("/")).status == 200
    monkeypatch.setattr("runner.cli.web_server.time.monotonic", lambda: 1e9 + 1)
    assert (await user.get("/", params={"token": TOKEN})).status == 200


async def test_number_of_pages_is_limited(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "MAX_PAGES", 0)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await user.ws_connect("/ws")


async def test_browser_shows_the_dashboard_and_accepts_keys(address: str) -> None:
    program = browser.find()
    if program is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(browser.NAMES)})")
    async with browser.Browser(program) as page:
        await page.ask("Page.navigate", url=parts(address)[0])
        await page.shows("document.body && document.body.innerText.includes('with its token')")
        await page.ask("Page.navigate", url=address)
        await page.shows("window.received && window.received.includes('quickstart')")
        assert "token" not in await page.value("location.href")
        # Each letter is painted at least once.
        await page.shows("[...'quickstart'].every(letter => window.painted.includes(letter))")
        await page.shows("window.received.includes('preflight')")
        # What is left below the last row has the background of the theme.
        behind = "document.querySelector('.xterm-viewport')"
        await page.shows(f"getComputedStyle({behind}).backgroundColor === 'rgb(17, 21, 26)'")
        await page.shows(f"{behind}.getBoundingClientRect().height === window.innerHeight")
        await page.value("document.querySelector('textarea').focus()")
        await page.press("?")
        await page.shows("window.received.includes('help: profiles')")


def test_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    output = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}" in output
    assert "choose another port with --port" in output


def test_unknown_host_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "no.such.host.invalid", "--port", "0"]) == 2
    assert "not an address of this machine" in capsys.readouterr().err


def test_missing_extra_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    monkeypatch.delitem(sys.modules, "runner.cli.web_server", raising=False)
    monkeypatch.delattr(runner.cli, "web_server", raising=False)
    assert main(["serve"]) == 2
    assert "pip install '.[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--port", "99999"], ["--port", "http"], ["--token", "abcdefgh"]])
def test_invalid_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", *words])
    assert "allowed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "mode", "error"), [("x y", 0o600, "not a token"), (TOKEN, 0o644, "other users can read it")]
)
def test_unfit_token_file_is_refused(
    content: str, mode: int, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    assert main(["serve", "--token-file", str(file)]) == 2
    assert error in capsys.readouterr().err


def test_other_host_prints_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_SERVE_TOKEN", TOKEN)
    server = started("--host", "0.0.0.0")
    assert server.stdout is not None
    assert re.fullmatch(rf"http://0.0.0.0:\d+/\?token={TOKEN}\n", server.stdout.readline())
    server.send_signal(signal.SIGTERM)
    _, output = server.communicate(timeout=PATIENCE_S)
    assert "can start and stop runs as you, and nothing is encrypted" in output
