"""A stylesheet that parses each source once for a set of colours.

Textual parses the style file of the app four times before the first frame: for each mode, and again whenever
the colours are set, even to the same values. A rule set that is parsed depends on its source and on the
variables only and is never changed afterwards, so it is shared.
"""

from __future__ import annotations

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

_Key = tuple[frozenset[tuple[str, str]], str, CSSLocation, bool, int, str]

_PARSED: dict[_Key, list[RuleSet]] = {}
"""rule sets by variables and source; bounded by the number of themes times the number of sources"""


class SharedStylesheet(Stylesheet):
    """Replaces the stylesheet of an app."""

    def _parse_rules(
        self,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        variables = frozenset(self._variables.items())
        key = (variables, css, read_from, is_default_rules, tie_breaker, scope)
        if (rules := _PARSED.get(key)) is None:
            rules = super()._parse_rules(css, read_from, is_default_rules, tie_breaker, scope)
            _PARSED[key] = rules
        return rules

    def reparse(self) -> None:
        """Apply new variables to all sources.

        Raises:
            StylesheetError: a source cannot be parsed; the rules stay as they were.
        """
        self.parse()
