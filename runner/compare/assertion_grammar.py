"""The language of assertions: two sums of metrics, numbers and the baseline, and a comparison sign."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from runner.metrics.lookup import find_metric
from runner.metrics.metric import Metric
from runner.util.errors import UserError

ComparisonSign = Literal["<", "<=", ">", ">="]
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|[-<>+*/()]))"
)

_MAX_TOKENS = 100
"""Numbers, names and signs of an assertion; recursion depth grows with its length."""


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number in an assertion."""

    value: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric of the checked runs, or of their baseline."""

    metric: Metric
    baseline: bool = False

    def __str__(self) -> str:
        return f"baseline.{self.metric.name}" if self.baseline else self.metric.name


@dataclass(frozen=True, slots=True)
class Operation:
    """An arithmetic operation on two terms."""

    sign: Literal["+", "-", "*", "/"]
    left: Term
    right: Term


Term = NumberLiteral | Quantity | Operation


@dataclass(frozen=True, slots=True)
class Assertion:
    """A comparison of two terms that must hold."""

    text: str
    left: Term
    comparison: ComparisonSign
    right: Term

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities of both sides, without duplicates."""
        return tuple(dict.fromkeys([*_quantities(self.left), *_quantities(self.right)]))

    @property
    def needs_baseline(self) -> bool:
        return any(quantity.baseline for quantity in self.quantities)


def evaluate(term: Term, known: Callable[[Quantity], float]) -> float:
    """Compute the value of a term.

    Raises:
        ZeroDivisionError: it divides by zero.
    """
    match term:
        case NumberLiteral(value):
            return value
        case Quantity():
            return known(term)
        case Operation(sign, left, right):
            a, b = evaluate(left, known), evaluate(right, known)
            return a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b


def _quantities(term: Term) -> Iterator[Quantity]:
    match term:
        case Quantity():
            yield term
        case Operation(_, left, right):
            yield from _quantities(left)
            yield from _quantities(right)


def parse_assertion(text: str) -> Assertion:
    """Parse an assertion.

    Raises:
        UserError: it is invalid; the message has the column and what is allowed.
    """
    return _Parser(text).assertion()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(islice(self._split(), _MAX_TOKENS + 1))
        self._at = 0
        if len(self._tokens) > _MAX_TOKENS:
            raise self._error(f"it has more than {_MAX_TOKENS} numbers, names and signs")

    def _split(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while self._text[at:].strip():
            found = _TOKEN.match(self._text, at)
            if found is None:
                rest = self._text[at:].lstrip()
                raise self._error(f"{rest[0]!r} is not allowed here", len(self._text) - len(rest))
            kind = found.lastgroup
            assert kind is not None
            yield kind, found[kind], found.start(kind)
            at = found.end()

    def _error(self, what: str, at: int | None = None) -> UserError:
        place = "" if at is None else f", column {at + 1}"
        text = self._text.strip()
        return UserError(
            f"assertion {text if len(text) <= 200 else f'{text[:199]}…'!r}{place}: {what}",
            hint="`trtbench-tui check --help` explains assertions",
        )

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str, int]:
        if self._at == len(self._tokens):
            raise self._error("a number or a metric is missing at the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def assertion(self) -> Assertion:
        if not self._tokens:
            raise self._error("it is empty")
        left = self._sum()
        if self._at == len(self._tokens):
            raise self._error("it needs one of < <= > >=")
        _, sign, at = self._take()
        if sign not in ("<", "<=", ">", ">="):
            raise self._error(f"{sign!r} should be one of < <= > >=", at)
        right = self._sum()
        if self._at < len(self._tokens):
            _, extra, at = self._take()
            problem = (
                "only one comparison is allowed"
                if extra in ("<", "<=", ">", ">=")
                else f"unexpected {extra!r}"
            )
            raise self._error(problem, at)
        metrics = {one.metric for one in (*_quantities(left), *_quantities(right)) if not one.baseline}
        if not metrics:
            raise self._error("it contains no metric of the run")
        comparison: ComparisonSign = sign  # type: ignore[assignment]
        return Assertion(
            self._text.strip(),
            self._resolve_baseline(left, metrics),
            comparison,
            self._resolve_baseline(right, metrics),
        )

    def _sum(self) -> Term:
        term = self._product()
        while self._peek() in ("+", "-"):
            sign = self._take()[1]
            term = Operation(sign, term, self._product())  # type: ignore[arg-type]
        return term

    def _product(self) -> Term:
        term = self._factor()
        while self._peek() in ("*", "/"):
            sign = self._take()[1]
            term = Operation(sign, term, self._factor())  # type: ignore[arg-type]
        return term

    def _factor(self) -> Term:
        kind, word, at = self._take()
        if kind == "number":
            if math.isinf(float(word)):
                raise self._error(f"{word} is too large", at)
            return NumberLiteral(float(word))
        if kind == "name":
            return self._named(word, at)
        if word == "-":
            return Operation("-", NumberLiteral(0.0), self._factor())
        if word == "(":
            inner = self._sum()
            if self._peek() != ")":
                raise self._error("a ( is not closed", at)
            self._take()
            return inner
        raise self._error(f"expected a number or a metric, not {word!r}", at)

    def _named(self, word: str, at: int) -> Term:
        if word == "baseline":
            return _BARE_BASELINE
        name = word.removeprefix("baseline.")
        try:
            return Quantity(find_metric(name), baseline=name != word)
        except UserError as error:
            raise self._error(str(error.args[0]), at) from None

    def _resolve_baseline(self, term: Term, metrics: set[Metric]) -> Term:
        """Return the term with the metric of the run in place of a bare `baseline`."""
        if term is _BARE_BASELINE:
            if len(metrics) > 1:
                raise self._error("baseline of which metric? write baseline.NAME")
            return Quantity(next(iter(metrics)), baseline=True)
        if isinstance(term, Operation):
            return Operation(
                term.sign,
                self._resolve_baseline(term.left, metrics),
                self._resolve_baseline(term.right, metrics),
            )
        return term


_BARE_BASELINE = NumberLiteral(float("nan"))
"""Placeholder for a bare `baseline` until the whole assertion is parsed."""
