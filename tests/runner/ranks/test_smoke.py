"""The prompt and its continuation that the ranks print when the weights are those of a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runner.engines.run_answers import answers_in
from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import msgspec
    import torch

    from runner.engines.model_shape import read_shape
    from runner.ranks import program
    from runner.ranks.checkpoint import fingerprint, open_checkpoint
    from tests.runner.ranks import reference
    from tests.runner.ranks.checkpoints import Tensors, shape_in, write_model

TOKENIZERS = """
class Tokenizer:
    ids = property(lambda self: self.tokens)

    @classmethod
    def from_file(cls, path):
        return cls()

    def encode(self, text):
        self.tokens = [int(word[1:]) for word in text.split()]
        return self

    def decode(self, ids):
        return " ".join(f"w{one}" for one in ids)
"""
"""A stand-in for the package: the text of token 7 is `w7`."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(program, "die_with_parent", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tokenizers", raising=False)
    (tmp_path / "shape").mkdir()
    return tmp_path / "model"


def main(folder: Path, *more: str) -> int:
    """Runs the program on the checkpoint in a folder, as the plan starts it."""
    shape = folder.parent / "shape"
    (shape / "config.json").write_bytes(msgspec.json.encode(read_shape(folder)))
    options = ["--engine_dir", str(shape), "--weights", str(folder), "--dtype", "float32"]
    return program.main([*options, "--max_output_len", "5", *more])


def continuation(folder: Path, tensors: Tensors, tokens: list[int]) -> list[int]:
    """What the reference generates greedily."""
    shape, found = shape_in(folder), list(tokens)
    for _ in range(5):
        logits = reference.logits(shape, lambda name, *size: tensors[name].view(size), torch.tensor([found]))
        found.append(int(logits[0, -1].argmax()))
    return found[len(tokens) :]


def test_text_of_the_tokenizer_ends_with_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = write_model(folder, "qwen3")
    (folder / "tokenizer.json").write_text("{}")
    (folder.parent / "tokenizers.py").write_text(TOKENIZERS)
    expected = continuation(folder, tensors, [4, 8, 15])
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [expected[3], 100]}))
    assert main(folder, "--input_text=w4 w8 w15") == 0
    out = capsys.readouterr().out
    (answer,) = answers_in(out)
    before = expected[: expected.index(expected[3])]
    assert (answer.prompt, answer.output) == ("w4 w8 w15", " ".join(f"w{one}" for one in before))
    identity = fingerprint(open_checkpoint(folder, shape_in(folder)))
    assert f"Weights loaded from {folder}, 0.2 MB, fingerprint {identity}. Parameters of rank 0" in out


def test_token_ids_without_a_tokenizer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = write_model(folder, "llama")
    assert main(folder, "--input_text=hello") == 0
    out = capsys.readouterr().out
    assert f"No text, because {folder} has no tokenizer.json; token ids instead." in out
    (answer,) = answers_in(out)
    prompt = list(map(int, answer.prompt.split()))
    assert len(prompt) == 8
    assert answer.output == " ".join(map(str, continuation(folder, tensors, prompt)))


def test_missing_package_is_stated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(folder)
    (folder / "tokenizer.json").write_text("{}")
    (folder.parent / "tokenizers.py").write_text("raise ImportError('not here')")
    assert main(folder, "--input_text=hello") == 0
    assert (
        "tokenizers cannot be imported (not here): pip install tokenizers; token" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--input_text="], "the prompt of 0 tokens cannot be continued: allowed are 1 to"),
        (["--input_text=w101"], "of the vocabulary of 101; change smoke.prompt"),
        (["--input_text=w1", "--fingerprint", "00"], "have changed since the run was planned: their finger"),
    ],
)
def test_prompt_or_weights_that_cannot_be_used(
    more: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(folder)
    (folder / "tokenizer.json").write_text("{}")
    (folder.parent / "tokenizers.py").write_text(TOKENIZERS)
    assert main(folder, *more) == 1
    assert message in capsys.readouterr().err
