"""A headless Chromium, spoken to by its DevTools protocol: what a page paints, and keys for it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from tests.support.patience import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "headless_shell")
# What is painted is text on a canvas, so the calls that paint it are written down.
RECORDER = """
window.painted = "";
for (const kind of [CanvasRenderingContext2D, window.OffscreenCanvasRenderingContext2D]) {
  if (!kind) continue;
  const paint = kind.prototype.fillText;
  kind.prototype.fillText = function (text, ...rest) {
    window.painted += text;
    return paint.call(this, text, ...rest);
  };
}
window.received = "";
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...args) {
    super(...args);
    this.addEventListener("message", async (event) => {
      const data = event.data;
      if (data instanceof Blob) window.received += await data.text();
      else if (data instanceof ArrayBuffer) window.received += new TextDecoder().decode(data);
    });
  }
};
"""


def find() -> str | None:
    """The path of a browser, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser that has no window."""

    def __init__(self, program: str) -> None:
        # Sockets are made below it, whose paths are short.
        self._folder = Path(tempfile.mkdtemp(prefix="page-", dir="/tmp"))
        self._process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--window-size=1200,800", f"--user-data-dir={self._folder}",
                "--remote-debugging-port=0", "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(self._folder)},
        )  # fmt: skip
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Browser:
        try:
            await self._connect()
        except BaseException:
            self._end()
            raise
        return self

    async def _connect(self) -> None:
        port_file = self._folder / "DevToolsActivePort"
        await self._until(lambda: port_file.exists() and "\n" in port_file.read_text(), "the browser")
        port = port_file.read_text().splitlines()[0]
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        await self.ask("Page.enable")
        await self.ask("Page.addScriptToEvaluateOnNewDocument", source=RECORDER)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._session.close()
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _until(self, true: Callable[[], bool], what: str, timeout: float = PATIENCE_S) -> None:
        end = time.monotonic() + timeout
        while not true():
            assert time.monotonic() < end, f"not there within {timeout:.0f} s: {what}"
            await asyncio.sleep(0.05)

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol and its answer; events in between are passed over."""
        number = next(self._numbers)
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads((await self._socket.receive(timeout=PATIENCE_S)).data)
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def value(self, expression: str) -> Any:
        """What an expression is on the page."""
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def shows(self, expression: str, timeout: float = PATIENCE_S) -> None:
        """Until an expression is true on the page."""
        end = time.monotonic() + timeout
        while not await self.value(expression):
            assert time.monotonic() < end, f"not within {timeout:.0f} s: {expression}"
            await asyncio.sleep(0.1)

    async def press(self, key: str) -> None:
        """One printable key."""
        await self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)
