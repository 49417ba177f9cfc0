"""Errors in a profile state file, line, field, the problem and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.profile.yaml_file import MOST_BYTES, ProfileError, load_text, read_text
from runner.util.errors import UserError

GOOD = """\
name: tiny
engine: torch
model:
  dtype: float32
  shape:
    hidden_size: 64
    intermediate_size: 128
    num_hidden_layers: 2
    num_attention_heads: 8
    num_key_value_heads: 4
    vocab_size: 100
parallel: {tp: 2}
benchmark:
  num_runs: 3
"""


def complaint(text: str) -> str:
    with pytest.raises(ProfileError) as raised:
        load_text(text, "p.yaml")
    return str(raised.value)


def test_the_good_profile_is_good() -> None:
    assert load_text(GOOD, "p.yaml").name == "tiny"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "num_runs", "num_run",
            "p.yaml:14: benchmark.num_run: unknown key; allowed here: batch_size, input_output_len, num_runs,"
            " duration, warm_up, per_step (did you mean num_runs?)",
            id="unknown key",
        ),
        pytest.param(
            "num_runs: 3", "num_runs: many",
            'p.yaml:14: benchmark.num_runs: the text "many" is not allowed; allowed: a whole number,'
            " 0 or more",
            id="wrong type",
        ),
        pytest.param(
            "num_runs: 3", "num_runs: 3.0",
            "p.yaml:14: benchmark.num_runs: 3.0 is not allowed; allowed: a whole number, 0 or more",
            id="a fraction where a whole number is wanted",
        ),
        pytest.param(
            "num_runs: 3", "num_runs: yes",
            "p.yaml:14: benchmark.num_runs: true is not allowed; allowed: a whole number, 0 or more",
            id="YAML boolean as a number",
        ),
        pytest.param(
            "num_runs: 3", "num_runs: 99999999999999999999",
            "p.yaml:14: benchmark.num_runs: 99999999999999999999 is not allowed;"
            " allowed: a whole number, 0 or more, and below 1e+18",
            id="a number beyond all use",
        ),
        pytest.param(
            "num_runs: 3", "warm_up: -1",
            "p.yaml:14: benchmark.warm_up: -1 is not allowed; allowed: a whole number, 0 or more",
            id="out of range",
        ),
        pytest.param(
            "    hidden_size: 64\n", "",
            "p.yaml:5: model.shape.hidden_size: missing; allowed: a whole number, 1 or more",
            id="missing key",
        ),
        pytest.param(
            "name: tiny\n", "",
            "p.yaml:1: name: missing; allowed: letters, digits, dot, dash and underscore, at most 64",
            id="no name",
        ),
        pytest.param(
            "name: tiny", "name: 2024-01-01",
            "p.yaml:1: name: 2024-01-01 is not allowed; allowed: letters, digits, dot, dash and underscore,"
            " at most 64; put it in quotes to make it text",
            id="a date as a name",
        ),
        pytest.param(
            "name: tiny", 'name: "tiny\\n"',
            'p.yaml:1: name: the text "tiny\\n" is not allowed; allowed: letters, digits, dot, dash and'
            " underscore, at most 64",
            id="a line break in a name",
        ),
        pytest.param(
            "benchmark:", "parallel: {tp: 1}\nbenchmark:",
            "p.yaml:13: parallel: given twice; keep one of them",
            id="duplicate key",
        ),
        pytest.param(
            "num_runs: 3", "batch_size: []",
            "p.yaml:14: benchmark.batch_size: is empty; allowed: a list like [a, b]; each item: a whole"
            " number, 1 or more",
            id="empty list",
        ),
        pytest.param(
            "num_runs: 3", "input_output_len: [[1, 2, 3]]",
            "p.yaml:14: benchmark.input_output_len[0]: [1, 2, 3] is not allowed; allowed: 2 numbers like"
            " [128, 20]; each: a whole number, 1 or more",
            id="a pair of three",
        ),
        pytest.param(
            "torch", "torhc",
            'p.yaml:2: engine: the text "torhc" is not an engine; allowed:',
            id="unknown engine",
        ),
        pytest.param(
            "engine: torch\n", "", "p.yaml:1: engine: missing; allowed:", id="no engine"
        ),
        pytest.param(
            "tp: 2", "tp: 3",
            "p.yaml:12: parallel.tp: tp 3 does not fit 8 query heads, 4 key/value heads and intermediate_size"
            " 128; allowed: 1, 2, 4, 8",
            id="tp does not divide the heads",
        ),
        pytest.param(
            "num_key_value_heads: 4", "num_key_value_heads: 3",
            "p.yaml:10: model.shape.num_key_value_heads: 3 does not divide num_attention_heads 8",
            id="kv heads do not divide heads",
        ),
        pytest.param(
            "hidden_size: 64", "hidden_size: 66",
            "p.yaml:9: model.shape.num_attention_heads: 8 does not divide hidden_size 66; set head_dim",
            id="heads do not divide the width",
        ),
        pytest.param(
            "hidden_size: 64", "head_dim: 3\n    hidden_size: 64",
            "p.yaml:5: model.shape: the width of a head is 3; rotary embedding needs an even one",
            id="odd heads",
        ),
        pytest.param(
            "num_runs: 3", "num_runs: 0\n  duration: 0",
            "p.yaml:14: benchmark.num_runs: num_runs and duration are both 0, so nothing would be timed;"
            " set one of them",
            id="nothing would be timed",
        ),
        pytest.param(
            "  dtype: float32", "  dtype: flaot32",
            'p.yaml:4: model.dtype: the text "flaot32" is not allowed; allowed: bfloat16, float16, float32'
            " (did you mean float32?)",
            id="misspelt choice",
        ),
        pytest.param(
            "  dtype: float32", "  device: off",
            "p.yaml:4: model.device: false is not allowed; allowed: cpu, cuda",
            id="YAML boolean as a choice",
        ),
        pytest.param(
            "  dtype: float32", "  dir: /model",
            "p.yaml:3: model: give exactly one of dir (a Hugging Face folder) and shape",
            id="folder and shape",
        ),
        pytest.param(
            "    vocab_size: 100", "    vocab_size: 100\n    rope_theta: .nan",
            "p.yaml:12: model.shape.rope_theta: nan is not allowed; allowed: a number, above 0,"
            " and below 1e+18",
            id="not a number",
        ),
        pytest.param(
            "benchmark:\n  num_runs: 3\n", "launch:\n",
            "p.yaml:13: launch: null (nothing) is not allowed; allowed: a section with the keys python,"
            " mpirun, env, time_limit, slurm",
            id="empty section",
        ),
        pytest.param(
            "benchmark:\n  num_runs: 3\n", "launch: {env: {THREADS: 4}}\n",
            "p.yaml:13: launch.env.THREADS: 4 is not allowed; allowed: text; put it in quotes to"
            " make it text",
            id="a number in the environment",
        ),
        pytest.param(
            "benchmark:\n  num_runs: 3\n", "launch: {env: {A B: x}}\n",
            "p.yaml:13: launch.env.A B: not a variable name; allowed: letters, digits and underscores",
            id="no name for a variable",
        ),
        pytest.param(
            "name: tiny", 'name: tiny\ndescription: "a\\0b"',
            'p.yaml:2: description: the text "a\\u0000b" is not allowed; allowed: text',
            id="a zero byte",
        ),
        pytest.param(
            "  num_runs: 3", "\tnum_runs: 3",
            "p.yaml:14: not valid YAML: found character that cannot start any token (column 1)",
            id="a tab",
        ),
        pytest.param(
            "num_runs: 3\n", "num_runs: 3\n---\nname: x\n",
            "p.yaml:15: not valid YAML: expected a single document in the stream but found another document"
            " (column 1)",
            id="two documents",
        ),
        pytest.param(
            "tp: 2", "tp: !!bool x",
            'p.yaml:12: not valid YAML: the text "x" is not a value of the type bool (column 16)',
            id="a tag that does not fit",
        ),
        pytest.param(
            "name: tiny", "name: \a",
            "p.yaml:1: not valid YAML: unacceptable character #x0007: control characters are not allowed",
            id="a control character",
        ),
    ],
)  # fmt: skip
def test_one_mistake(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    errors = complaint(GOOD.replace(old, new, 1))
    assert errors == expected or (expected.endswith("allowed:") and errors.startswith(expected))


def test_all_mistakes_are_told_at_once() -> None:
    errors = complaint(GOOD.replace("tp: 2", "tp: none").replace("num_runs", "num_run")).splitlines()
    assert [line.split(": ")[1] for line in errors] == ["parallel.tp", "benchmark.num_run"]


@pytest.mark.parametrize("text", ["", "- a\n", "hello", "3"])
def test_something_else_than_a_mapping(text: str) -> None:
    assert complaint(text) == "p.yaml:1: expected a profile: keys and values such as `name: my-profile`"


def _alias_bomb(depth: int) -> str:
    lines = [f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9)}]" for i in range(1, depth)]
    return "\n".join([GOOD + "k0: &k0 [x]", *lines])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD + "launch: &a {env: *a}\n", id="a value in itself"),
        pytest.param("&a [*a]", id="a list in itself"),
        pytest.param(_alias_bomb(12), id="an alias bomb"),
        pytest.param(f"a: &a {'x' * 60_000}\nb: [{', '.join(['*a'] * 9)}]\n", id="a long text"),
        pytest.param(_alias_bomb(12).replace("[", "{<<: [").replace("]", "]}"), id="merged keys"),
    ],
)
def test_aliases_that_expand_without_bound(text: str) -> None:
    assert complaint(text).startswith("p.yaml:1: its aliases (`*name`) repeat more than 524288 values")


def test_a_file_too_large_is_refused_by_size(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(GOOD + "#" * MOST_BYTES)
    with pytest.raises(UserError, match=r"p\.yaml: is larger than 256 KiB; profiles and settings have"):
        read_text(path)
    assert complaint(path.read_text()).startswith("p.yaml:1: it is larger than 256 KiB")


def test_many_problems_are_cut() -> None:
    rows = complaint(GOOD + "".join(f"x{i}: 1\n" for i in range(5000))).splitlines()
    assert len(rows) == 21
    assert rows[-1] == "p.yaml: more problems follow; correct these first"


def test_nesting_without_end() -> None:
    assert "not valid YAML" in complaint("[" * 5000 + "]" * 5000)


def test_the_allowed_sizes_of_a_huge_model_are_found_at_once() -> None:
    text = GOOD.replace("heads: 8", "heads: 80000000").replace("size: 64", "size: 160000000")
    assert complaint(text.replace("tp: 2", "tp: 7")).endswith("allowed: 1, 2, 4, 8, 16, 32, 64, 128")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"p\.yaml: not a text file in UTF-8, so not a profile"):
        read_text(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"p\.yaml: cannot read it: No such file or directory"):
        read_text(tmp_path / "p.yaml")
