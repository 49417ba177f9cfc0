"""A stylesheet that parses each source once for a set of colours.

Textual parses the style file of the app four times before the first frame: for each mode, and again whenever
the colours are set, even to the same values. A rule set that is parsed depends on its source and on the
variables only and is never changed afterwards, so it is shared.
"""

from __future__ import annotations

from pathlib import Path

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

_Key = tuple[frozenset[tuple[str, str]], str, CSSLocation, bool, int, str]

_PARSED: dict[_Key, list[RuleSet]] = {}
"""rule sets by variables and source; bounded by the number of themes times the number of sources"""


class SharedStylesheet(Stylesheet):
    """Replaces the stylesheet of an app."""

    _colours: frozenset[tuple[str, str]] | None = None
    """the variables as a part of the key of what was parsed with them"""

    def _parse_rules(
        self,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        if self._colours is None:
            self._colours = frozenset(self._variables.items())
        key = (self._colours, css, read_from, is_default_rules, tie_breaker, scope)
        if (rules := _PARSED.get(key)) is None:
            rules = super()._parse_rules(css, read_from, is_default_rules, tie_breaker, scope)
            _PARSED[key] = rules
        return rules

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the colours; keep what was read with the same ones, which Textual sets at each refresh."""
        if variables != self._variables:
            self._colours = None
            super().set_variables(variables)

    def read_first(self, path: Path) -> None:
        """Read a file whose rules come before those of all others, unless it was read."""
        others = self.source
        if not any(location[0] == str(path) for location in others):
            self.source = {}
            self.read(path)
            self.source.update(others)

    def reparse(self) -> None:
        """Apply new variables to all sources.

        Raises:
            StylesheetError: a source cannot be parsed; the rules stay as they were.
        """
        self.parse()
