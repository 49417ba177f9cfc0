"""Parser of the prompts and answers that examples/run.py prints, and the torch engine in the same way."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.engines.benchmark_line import without_prefix

_TEXT = re.compile(
    r"^(?P<kind>Input|Output) \[Text (?P<text>\d{1,9})"
    r'(?: Seq (?P<seq>\d{1,9}))?(?: Beam (?P<beam>\d{1,9}))?\]: "',
    re.M,
)
_LOG_LINE = re.compile(r"^\[[^\]\n]*\](?: ?\[[^\]\n]*\])+ .*\n?", re.M)
"""`[12/24/2024-10:11:12] [TRT-LLM] [I] ...` and `[TensorRT-LLM][INFO] ...`."""


@dataclass(frozen=True)
class SmokeAnswer:
    """A prompt and the answer of the engine, from run.py."""

    prompt: str
    output: str
    text: int
    sequence: int = 0
    beam: int = 0


def answers_in(output: str) -> list[SmokeAnswer]:
    """Return every answer in the output of run.py; prompts and answers may have several lines."""
    lines = (without_prefix(line) for line in output.split("\n"))
    plain = _LOG_LINE.sub("", "\n".join(lines))
    heads = list(_TEXT.finditer(plain))
    ends = [head.start() for head in heads[1:]] + [len(plain)]
    prompts: dict[int, str] = {}
    answers = []
    for head, end in zip(heads, ends, strict=False):
        number, body = int(head["text"]), _quoted(plain[head.end() : end])
        if head["kind"] == "Input":
            prompts[number] = body
        else:
            prompt = prompts.get(number, "")
            answers.append(SmokeAnswer(prompt, body, number, int(head["seq"] or 0), int(head["beam"] or 0)))
    return answers


def _quoted(text: str) -> str:
    """Return the text up to the last quote that ends a line; the text may contain quotes itself."""
    ends = [match.start() for match in re.finditer(r'"[ \t\r]*$', text, re.M)]
    return text[: ends[-1]] if ends else text.rstrip()
