"""Screens as small SVG: one of them as a picture, several as one that plays them in turn.

What the terminal's own export draws is read and written again without what repeats: one background instead
of one a word, colours as names shared by all frames, and no font from the network.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from xml.sax.saxutils import escape

SVG = "{http://www.w3.org/2000/svg}"
MARGIN, TITLE_HEIGHT = 9, 41
FADE = 0.01
"""share of the whole in which one frame gives way to the next"""
FONT = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"


@dataclass(frozen=True)
class Frame:
    """One screen: its size in pixels, its background, and what is drawn on it."""

    width: float
    height: float
    background: str
    styles: tuple[str, ...]
    """CSS of the text, each once; `elements` name them by their number"""
    elements: tuple[tuple[int | None, str], ...]
    """number of the style (None: a filled cell) and the element, with `%s` for its class"""


def read_frame(exported: str) -> Frame:
    """What an exported screenshot shows, without the window around it."""
    root = ElementTree.fromstring(exported)
    css = "".join(node.text or "" for node in root.iter(f"{SVG}style"))
    by_class = {name: style.strip() for name, style in re.findall(r"\.([\w-]+-r\d+) \{([^}]*)\}", css)}
    cells = [node for node in root.iter(f"{SVG}rect") if node.get("shape-rendering")]
    texts = [node for node in root.iter(f"{SVG}text") if node.get("textLength")]
    background = cells[0].get("fill", "#000")
    styles = tuple(dict.fromkeys(by_class[node.get("class", "")] for node in texts))
    elements: list[tuple[int | None, str]] = []
    for node in cells:
        if node.get("fill") != background and float(node.get("width", "0")):
            place = " ".join(f'{name}="{node.get(name)}"' for name in ("x", "y", "width", "height"))
            elements.append((None, f'<rect fill="{node.get("fill")}" {place}/>'))
    for node in texts:
        text = (node.text or "").replace("\N{NO-BREAK SPACE}", " ")
        if text.strip():
            place = " ".join(f'{name}="{node.get(name)}"' for name in ("x", "y", "textLength"))
            elements.append(
                (styles.index(by_class[node.get("class", "")]), f"<text %s {place}>{escape(text)}</text>")
            )
    rows = max(float(node.get("y", "0")) + float(node.get("height", "0")) for node in cells)
    columns = max(float(node.get("x", "0")) + float(node.get("width", "0")) for node in cells)
    return Frame(columns, rows, background, styles, tuple(elements))


def animation(frames: list[Frame], title: str, seconds: float) -> str:
    """Screens that follow each other for ever, each for `seconds`; all of the same size.

    The first one stays where motion is not wanted (`prefers-reduced-motion`), and where a viewer knows no
    animations.
    """
    n = len(frames)
    share = 100 / n
    css = [
        f"@keyframes f{{0%,{share:.3f}%{{opacity:1}}{share + 100 * FADE / n:.3f}%,100%{{opacity:0}}}}",
        f".f{{opacity:0;animation:f {n * seconds:g}s infinite}}",
        *(f"#f{i}{{animation-delay:{i * seconds:g}s}}" for i in range(n)),
        "#f0{opacity:1}@media (prefers-reduced-motion: reduce){.f{animation:none}}",
    ]
    return _document(frames, title, "".join(css))


def _document(frames: list[Frame], title: str, css: str) -> str:
    first = frames[0]
    width, height = first.width + 2 * MARGIN, first.height + TITLE_HEIGHT + MARGIN
    styles = list(dict.fromkeys(style for frame in frames for style in frame.styles))
    rules = "".join(f".s{number}{{{style}}}" for number, style in enumerate(styles))
    groups = []
    for index, frame in enumerate(frames):
        body = "\n".join(
            element
            if style is None
            else element.replace("%s", f'class="s{styles.index(frame.styles[style])}"', 1)
            for style, element in frame.elements
        )
        groups.append(f'<g id="f{index}" class="f">\n{body}\n</g>')
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve"'
            f' viewBox="0 0 {width:g} {height:g}">',
            f"<style>text{{font:20px {FONT};white-space:pre}}",
            f".t{{font:bold 18px sans-serif;fill:#c5c8c6}}{rules}{css}</style>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#292929"/>',
            *(
                f'<circle cx="{26 + 22 * i}" cy="22" r="7" fill="{fill}"/>'
                for i, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            f'<text class="t" text-anchor="middle" x="{width / 2:g}" y="28">{escape(title)}</text>',
            f'<g transform="translate({MARGIN},{TITLE_HEIGHT})">',
            f'<rect width="{first.width:g}" height="{first.height:g}" fill="{first.background}"/>',
            *groups,
            "</g>",
            "</svg>",
            "",
        ]
    )
