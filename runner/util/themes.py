"""The colour themes of the dashboard, by name."""

from __future__ import annotations

from typing import Literal, get_args

ThemeName = Literal["dark", "light", "high-contrast", "monochrome"]
THEME_NAMES: tuple[ThemeName, ...] = get_args(ThemeName)
"""In the order in which the key T goes through them; the first is the default."""
