"""The result of benchmark.py in every known form."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engines.benchmark_line import KEYS, MARK, parse, parse_csv_row, parse_result, results_in
from tests.support import characters

LINE = (
    "[BENCHMARK] engine_dir qwen world_size 1 num_heads 28 num_kv_heads 4 num_layers 28 hidden_size 3584"
    " vocab_size 152064 precision float16 batch_size 8 gpu_weights_percent 1.0 input_length 60"
    " output_length 20 gpu_peak_mem(gb) 5.0 build_time(s) None tokens_per_sec 6569.76"
    " percentile95(ms) 24.442 percentile99(ms) 24.442 latency(ms) 24.354 compute_cap sm90 quantization 0"
    " generation_time(ms) 19.171 total_generated_tokens 152.0 generation_tokens_per_second 7928.577"
)
VALUES = {
    "engine_dir": "qwen",
    "world_size": "1",
    "num_heads": "28",
    "num_kv_heads": "4",
    "num_layers": "28",
    "hidden_size": "3584",
    "vocab_size": "152064",
    "precision": "float16",
    "batch_size": "8",
    "gpu_weights_percent": "1.0",
    "input_length": "60",
    "output_length": "20",
    "gpu_peak_mem(gb)": "5.0",
    "build_time(s)": "None",
    "tokens_per_sec": "6569.76",
    "percentile95(ms)": "24.442",
    "percentile99(ms)": "24.442",
    "latency(ms)": "24.354",
    "compute_cap": "sm90",
    "quantization": "0",
    "generation_time(ms)": "19.171",
    "total_generated_tokens": "152.0",
    "generation_tokens_per_second": "7928.577",
}
HEADER = ",".join(VALUES)
ROW = ",".join(VALUES.values())
ENCODER = {
    key: value for key, value in VALUES.items() if "generat" not in key
} | {"output_length": "n/a", "tokens_per_sec": "n/a", "build_time(s)": "0"}  # fmt: skip


def line_of(values: dict[str, str]) -> str:
    return f"{MARK} " + " ".join(f"{key} {value}" for key, value in values.items())


def test_all_keys() -> None:
    assert parse(LINE) == VALUES
    assert set(VALUES) | {"model_name"} == set(KEYS)


@pytest.mark.parametrize("prefix", ["[1,0]<stdout>: ", "[1,0]<stdout>:", "0: ", "\x1b[0m", "junk "])
@pytest.mark.parametrize("suffix", ["", "\r", "  ", " [TensorRT-LLM] [I] said by another rank"])
def test_what_others_print_around_it(prefix: str, suffix: str) -> None:
    assert parse(prefix + LINE + suffix) == VALUES


@pytest.mark.parametrize(
    "name", ["engine dir", "a  b", "latency(ms)", "batch_size 16", "qwen batch_size 16 world_size 8 x", "x,y"]
)
def test_names_of_any_form(name: str) -> None:
    assert parse(LINE.replace("qwen", name)) == VALUES | {"engine_dir": name}
    if " " not in name or "size" not in name:
        assert parse_csv_row(ROW.replace("qwen", name)) == VALUES | {"engine_dir": name}


@pytest.mark.parametrize("name", ["dec", "llama_13b"])
def test_model_name_of_older_versions(name: str) -> None:
    values = parse(LINE.replace("engine_dir qwen", f"model_name {name}"))
    assert values is not None
    assert values["model_name"] == name
    assert values["world_size"] == "1"
    assert "engine_dir" not in values


@pytest.mark.parametrize("mode", ["QuantMode.0", "QuantMode.FP8_QDQ|FP8_KV_CACHE", "QuantMode.INT8_WEIGHTS"])
def test_quantization_as_older_pythons_print_it(mode: str) -> None:
    assert parse(LINE.replace("quantization 0", f"quantization {mode}")) == VALUES | {"quantization": mode}


def test_encoders_have_no_generation_keys() -> None:
    assert parse(line_of(ENCODER)) == ENCODER
    assert parse_csv_row(",".join(ENCODER.values())) == ENCODER


@given(st.randoms(use_true_random=False))
def test_keys_in_any_order(shuffler: random.Random) -> None:
    items = list(VALUES.items())
    shuffler.shuffle(items)
    assert parse(line_of(dict(items))) == VALUES


@pytest.mark.parametrize(
    "line",
    ["", "no result", "[BENCHMARK]", "[BENCHMARK] started", "latency(ms) 3", HEADER, "1,2,3", "," * 30],
)
def test_other_lines(line: str) -> None:
    assert parse_result(line) is None


@given(st.text(characters.ANY))
def test_any_text_is_survived(text: str) -> None:
    parse_result(text)
    list(results_in(text))
    parse_result(f"{MARK} {text}")


def test_csv_with_headers_again_and_again() -> None:
    text = f"{HEADER}\n{ROW}\n{ROW.replace('24.354', '25.5')}\n{HEADER}\n{ROW}\n"
    assert [values["latency(ms)"] for values in results_in(text)] == ["24.354", "25.5", "24.354"]
    assert parse_csv_row(f"[1,0]<stdout>: {ROW}") == VALUES


def test_a_result_wrapped_over_lines(data: Path) -> None:
    (values,) = results_in((data / "workflow-result.txt").read_text())
    assert values["engine_dir"] == "tllm_engine_bs16_tp8_fp16"
    assert values["precision"] == "float16"
    assert values["percentile99(ms)"] == "63916.113"
    assert values["quantization"] == "QuantMode.0"
    assert values["generation_tokens_per_second"] == "330.385"
    assert len(values) == 23


def test_wrapped_anywhere_between_words_and_with_text_around() -> None:
    words = LINE.split(" ")
    wrapped = "\n".join([" ".join(words[:14]), *words[14:20], "  " + " ".join(words[20:])])
    text = f"$ python benchmark.py\n{wrapped}\n\n[TensorRT-LLM] bye\n{wrapped}\n{LINE}\nlatency(ms) 1"
    assert list(results_in(text)) == [VALUES, VALUES, VALUES]
