"""Prompts and answers in the output of run.py."""

from __future__ import annotations

from runner.engines.run_answers import SmokeAnswer, answers_in

LOG = "[12/24/2024-10:11:12] [TRT-LLM] [I] "


def test_answers_of_several_lines_and_prompts() -> None:
    output = (
        "[TensorRT-LLM] TensorRT-LLM version: 0.16.0\n"
        f"{LOG}Using C++ session\n"
        'Input [Text 0]: "How do I count\nto "nine" in French?"\n'
        'Output [Text 0 Beam 0]: "Un, deux,\n\ntrois, "quatre".\n"\n'
        f"{LOG}something in between\n"
        'Output [Text 0 Beam 1]: ""\n'
        'Input [Text 1]: "two"\n'
        'Output [Text 1 Seq 2 Beam 0]: "deux"\n'
        "batch_size: 2, avg latency of 10 iterations: : 0.1234 sec\n"
    )
    prompt = 'How do I count\nto "nine" in French?'
    assert answers_in(output) == [
        SmokeAnswer(prompt, 'Un, deux,\n\ntrois, "quatre".\n', 0),
        SmokeAnswer(prompt, "", 0, beam=1),
        SmokeAnswer("two", "deux", 1, sequence=2),
    ]


def test_an_answer_that_was_cut_off() -> None:
    assert answers_in('[1,0]<stdout>: Output [Text 0 Beam 0]: "Un,\n[1,0]<stdout>: deux') == [
        SmokeAnswer("", "Un,\ndeux", 0)
    ]
    assert answers_in("nothing") == []
