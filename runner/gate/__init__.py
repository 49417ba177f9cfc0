"""Assertions about the numbers of runs: `latency_ms.p50 < 60`, `tokens_per_sec > 0.98 * baseline`.

- `parse(text)`: an `Assertion`, or one sentence about what is wrong with it.
- `check(assertions, side, baseline)`: a `Finding` for each configuration: PASS, FAIL or INCONCLUSIVE.
- `exit_code(findings)` and `as_text(findings)`: what a command says.
"""

from runner.gate.check import Finding, Outcome, as_text, check, exit_code
from runner.gate.grammar import Assertion, parse

__all__ = ["Assertion", "Finding", "Outcome", "as_text", "check", "exit_code", "parse"]
