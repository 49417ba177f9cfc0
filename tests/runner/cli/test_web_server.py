"""The dashboard in a browser, and its protection by the token."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner.cli
from runner.cli.main import main
from tests.support import browser
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S

PROGRAM = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"

aiohttp = pytest.importorskip("aiohttp", reason="needs the extra `serve`")
pytest.importorskip("textual_serve", reason="needs the extra `serve`")


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


async def test_request_without_token_is_refused(address: str) -> None:
    where, _ = parts(address)
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/static/js/textual.js", "/download/x", "/nowhere", "/?token=", "/?token=wrong"):
            async with session.get(where + path) as answer:
                assert answer.status == 401, path
                assert "with its token" in await answer.text()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await session.ws_connect(f"{where}/ws?width=80&height=24")


async def test_token_becomes_a_same_site_cookie(address: str) -> None:
    where, token = parts(address)
    jar = aiohttp.CookieJar(unsafe=True)  # also store cookies of an IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(address, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            assert "HttpOnly" in answer.headers["Set-Cookie"]
            assert "SameSite=Strict" in answer.headers["Set-Cookie"]
        async with session.get(where) as answer:
            page = await answer.text()
            assert answer.status == 200
            assert token not in page
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        async with session.get(where, headers={"Origin": "http://elsewhere"}) as answer:
            assert answer.status == 403


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
        await page.value("document.querySelector('textarea').focus()")
        await page.press("?")
        await page.shows("window.received.includes('esc closes')")


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


@pytest.mark.parametrize(
    "words", [["--port", "99999"], ["--port", "http"], ["--token", "a b"], ["--token", "x"]]
)
def test_invalid_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", *words])
    assert "allowed: " in capsys.readouterr().err


def test_other_host_prints_a_warning(home: Path) -> None:
    server = started("--host", "0.0.0.0", "--token", "abcdefgh")
    assert server.stdout is not None
    assert server.stdout.readline().startswith("http://0.0.0.0:")
    server.send_signal(signal.SIGTERM)
    _, output = server.communicate(timeout=PATIENCE_S)
    assert "can start and stop runs as you, and nothing is encrypted" in output
