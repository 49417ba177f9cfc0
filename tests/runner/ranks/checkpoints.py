"""Tiny Hugging Face folders with random weights, written byte by byte as the format describes."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import torch

from runner.engines.model_shape import read_shape
from runner.ranks.shape import DecoderShape, shape_of
from runner.ranks.weight_shards import all_parts

BASE: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 101,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "rope_theta": 500000.0,
        "head_dim": 12,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    },
    "qwen2": {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "sliding_window": 8,
    },
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 16},
    "mistral": {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 32},
}
"""what the config of each family has beyond `BASE`"""
_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}

Tensors = dict[str, torch.Tensor]


def write_model(
    folder: Path, family: str = "llama", dtype: torch.dtype = torch.float32, files: int = 1, **changes: Any
) -> Tensors:
    """Writes a folder with config and weights, in one file or several with an index; returns the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(BASE | FAMILIES[family] | changes))
    tensors = random_tensors(shape_in(folder), dtype)
    if files == 1:
        write_file(folder / "model.safetensors", tensors)
        return tensors
    names = [f"model-{number + 1:05}-of-{files:05}.safetensors" for number in range(files)]
    places = {name: names[number % files] for number, name in enumerate(tensors)}
    for name in names:
        write_file(folder / name, {key: tensors[key] for key in tensors if places[key] == name})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return tensors


def shape_in(folder: Path) -> DecoderShape:
    """The shape in the folder of a model, as the ranks get it."""
    import msgspec

    return shape_of(msgspec.to_builtins(read_shape(folder)))


def random_tensors(shape: DecoderShape, dtype: torch.dtype) -> Tensors:
    """All parameters, norms and biases with numbers that matter."""
    generator = torch.Generator()
    generator.manual_seed(3)

    def drawn(*size: int) -> torch.Tensor:
        return torch.empty(size).normal_(0.0, 0.2 if len(size) > 1 else 0.5, generator=generator)

    found = {part.name: drawn(*part.size) + (1.0 if part.is_norm else 0.0) for part in all_parts(shape)}
    return {name: tensor.to(dtype) for name, tensor in found.items()}


def write_file(path: Path, tensors: Tensors, pad: int = 0) -> None:
    """Writes a safetensors file; `pad` spaces after the header move the data off its alignment."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data: list[bytes] = []
    end = 0
    for name, tensor in tensors.items():
        flat = tensor.contiguous()
        data.append(ctypes.string_at(flat.data_ptr(), flat.numel() * flat.element_size()))
        begin, end = end, end + len(data[-1])
        place = [begin, end]
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": place}
    write_raw(path, json.dumps(header).encode() + b" " * pad, b"".join(data))


def write_raw(path: Path, header: bytes, data: bytes = b"") -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
