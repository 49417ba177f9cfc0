"""How the output of the torch engine is read: it prints results and answers as benchmark.py and run.py do."""

from runner.engines import benchmark_line
from runner.engines.benchmark_notices import parse_notice
from runner.engines.output import OutputReader
from runner.engines.run_answers import answers_in

OUTPUT = OutputReader(
    benchmark_line.parse,
    parse_notice,
    parse_answers=lambda text: [(answer.prompt, answer.output) for answer in answers_in(text)],
    marks=(benchmark_line.MARK.encode(),),
)
