"""How the output of the scripts of TensorRT-LLM is read; a parser of the latencies of benchmark.py."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.engines import benchmark_line
from runner.engines.benchmark_notices import parse_notice
from runner.engines.output import OutputReader
from runner.engines.run_answers import answers_in
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES, hang_reason
from runner.engines.tensorrt_llm.memory_lines import MemoryParser
from runner.engines.trtllm.applied import collect_results

_LATENCIES = re.compile(r"Latencies: \[(?P<values>[^\]]*)\]")


@dataclass(frozen=True)
class Latencies:
    """Milliseconds in order; of more than 20, upstream prints the first and the last ten."""

    first: tuple[float, ...]
    last: tuple[float, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.last


def latencies_of(line: str) -> Latencies | None:
    """Return the latencies that a line lists; None for any other line."""
    found = _LATENCIES.search(line)
    if found is None:
        return None
    # The two halves are joined without a comma: "1.25...2.5"; a number never has two dots in a row.
    first, _, last = found["values"].partition("...")
    try:
        return Latencies(_numbers(first), _numbers(last))
    except ValueError:
        return None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())


OUTPUT = OutputReader(
    benchmark_line.parse_result,
    parse_notice,
    hang_reason,
    memory_parser=MemoryParser,
    parse_answers=lambda text: [(answer.prompt, answer.output) for answer in answers_in(text)],
    collect_results=collect_results,
    marks=(benchmark_line.MARK.encode(),),
    known_failures=KNOWN_FAILURES,
)
