"""The page of the web view. It names no other host and has no script of its own."""

from __future__ import annotations

import html

_STYLE = """
body { margin: 0; background: #0c181f; color: #f2f2f2; font: 16px "Roboto Mono", menlo, monospace; }
.textual-terminal { opacity: 0; }
.textual-terminal, .textual-terminal .xterm { height: 100vh; }
body.-first-byte .textual-terminal { opacity: 1; }
.message { position: absolute; width: 100vw; height: 100vh; display: none; align-items: center;
  justify-content: center; flex-direction: column; gap: 16px; z-index: 10; background: #0c181f; }
.starting { display: flex; }
body.-first-byte .starting, body.-closed .starting { display: none; }
body.-closed .closed { display: flex; }
a { padding: 16px 32px; background: #5e0ba7; color: inherit; text-decoration: none; }
"""
_PAGE = """<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <title>trtbench-tui</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/static/css/xterm.css">
    <script src="/static/js/textual.js"></script>
    <style>{style}</style>
  </head>
  <body>
    <div class="message starting">trtbench-tui is starting ...</div>
    <div class="message closed">
      <div>The dashboard was closed; runs continue.</div>
      <a href="/">Open again</a>
      <div>If it does not open, `trtbench-tui serve` has ended; its next start prints a new address.</div>
    </div>
    <div id="terminal" class="textual-terminal"
      data-session-websocket-url="{websocket}" data-font-size="16"></div>
  </body>
</html>
"""


def render(websocket: str) -> str:
    """Return the page; `websocket` is the URL of its connection."""
    return _PAGE.format(style=_STYLE, websocket=html.escape(websocket))


def policy(websocket: str) -> str:
    """Return the Content-Security-Policy: scripts from this server only, and one connection.

    The terminal of the page creates style elements, so styles may be inline.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:;"
        f" img-src 'self' data:; connect-src 'self' {websocket}; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
