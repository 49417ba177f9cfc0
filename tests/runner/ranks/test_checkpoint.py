"""Files of checkpoints that are damaged, hostile, or of another model: one sentence each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks.checkpoint import fingerprint, open_checkpoint
    from runner.ranks.errors import CheckpointError
    from runner.ranks.safetensors_header import MOST_HEADER, read_header
    from tests.runner.ranks.checkpoints import Tensors, shape_in, write_file, write_model, write_raw

DOWN = "model.layers.1.mlp.down_proj.weight"


def entry(**changes: object) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is truncated or not a safetensors file: it has 0 bytes, and its header would need 8"),
        (b"\x10" + bytes(7) + b"{", "it has 9 bytes, and its header would need 24"),
        (b"\xff" * 16, "it has 16 bytes, and its header would need 18446744073709551623"),
        (b"[1]", "its header is not a JSON object"),
        (b"{", "its header is not JSON"),
        (b"\xff\xfe", "its header is not JSON"),
        (b"[" * 100_000, "its header is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "its header is not JSON"),
        (b'{"a": 1, "a": 2}', "its header is not JSON: a name occurs twice"),
        (b'{"a": 1}', "the header entry of a is not an object"),
        (entry(dtype="F3"), "the header entry of a has an unknown dtype F3"),
        (entry(dtype=[1]), "the header entry of a has an unknown dtype [1]"),
        (entry(shape=[-2]), "the header entry of a has a shape [-2]"),
        (entry(shape=[True, 2]), "the header entry of a has a shape [True, 2]"),
        (entry(shape=[1] * 9), "the header entry of a has a shape"),
        (entry(data_offsets=[0]), "the header entry of a has data_offsets [0]"),
        (entry(data_offsets=[8, 0]), "the header entry of a has -8 bytes of data, and its shape needs 8"),
        (entry(shape=[1 << 62, 1 << 62]), "its shape needs 85070591730234615865843651857942052864"),
        (entry(data_offsets=[8, 16]), "is truncated: it has 78 bytes, and a ends at 86"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_header_that_cannot_be_trusted(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    if content[:1] in (b"[", b"{", b"\xff") and content != b"\xff" * 16:
        write_raw(path, content, bytes(8))
    else:
        path.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        read_header(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_long_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as file:
        file.write((1 << 40).to_bytes(8, "little"))
        file.truncate(1 << 41)  # takes no space
    with pytest.raises(
        CheckpointError, match=rf"its header of {1 << 40} bytes is larger .*\({MOST_HEADER}\)"
    ):
        read_header(path)


def test_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="is not a file"):
        read_header(tmp_path / "model.safetensors")


def without(tensors: Tensors) -> None:
    del tensors[DOWN], tensors["lm_head.weight"]


def turned(tensors: Tensors) -> None:
    tensors[DOWN] = tensors[DOWN].T


def more(tensors: Tensors) -> None:
    tensors["model.layers.0.self_attn.o_proj.bias"] = torch.zeros(48)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without, "tensor lm_head.weight (and 1 more) are missing, which config.json calls for"),
        (turned, f"tensor {DOWN} has the shape [64, 48], and config.json calls for [48, 64]"),
        (more, "tensor model.layers.0.self_attn.o_proj.bias is not part of a decoder"),
    ],
)
def test_tensors_of_another_model(change: Callable[[Tensors], None], message: str, tmp_path: Path) -> None:
    tensors = write_model(tmp_path)
    change(tensors)
    write_file(tmp_path / "model.safetensors", tensors)
    with pytest.raises(CheckpointError) as raised:
        open_checkpoint(tmp_path, shape_in(tmp_path))
    assert message in str(raised.value)


def test_quantised_tensor_is_named(tmp_path: Path) -> None:
    write_model(tmp_path)
    write_raw(tmp_path / "model.safetensors", entry(dtype="I32"), bytes(8))
    with pytest.raises(CheckpointError, match="tensor a has type I32, so the checkpoint is quantised"):
        open_checkpoint(tmp_path, shape_in(tmp_path))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "has no weight_map"),
        ('{"weight_map": {"a": "../b.safetensors"}}', "../b.safetensors for a is not a .safetensors file"),
        ('{"weight_map": {"a": 3}}', "3 for a is not a .safetensors file of the folder"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "gone.safetensors: No such file"),
        (
            '{"weight_map": {"a": "one.safetensors"}}',
            "one.safetensors: tensor a is missing, which model.safe",
        ),
    ],
)
def test_index_that_cannot_be_trusted(index: str, message: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "one.safetensors")
    shape = shape_in(tmp_path)
    with pytest.raises(CheckpointError, match=r"has neither model\.safetensors nor"):
        open_checkpoint(tmp_path, shape)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError) as raised:
        open_checkpoint(tmp_path, shape)
    assert message in str(raised.value)


def test_fingerprint_is_that_of_the_numbers(tmp_path: Path) -> None:
    tensors = write_model(tmp_path / "one", "qwen2")
    write_model(tmp_path / "many", "qwen2", files=4)
    found = [open_checkpoint(folder, shape_in(folder)) for folder in (tmp_path / "one", tmp_path / "many")]
    assert fingerprint(found[0]) == fingerprint(found[1])
    assert found[0].nbytes == sum(tensor.numel() * 4 for tensor in tensors.values())
    before = fingerprint(found[0])
    tensors[DOWN][0, 0] += 1
    # The head is the embedding, so its copy and the old frequencies are not read.
    copy, frequencies = tensors["model.embed_tokens.weight"], torch.ones(3)
    tensors |= {"lm_head.weight": copy, "model.layers.0.self_attn.rotary_emb.inv_freq": frequencies}
    write_file(tmp_path / "one" / "model.safetensors", tensors)
    changed = open_checkpoint(tmp_path / "one", shape_in(tmp_path / "one"))
    assert changed.tensors.keys() == found[1].tensors.keys()
    assert fingerprint(changed) != before
