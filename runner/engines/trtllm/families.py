"""Model families whose convert_checkpoint.py is called in another way than that of qwen and llama."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines.tensorrt_llm.options import Options


@dataclass(frozen=True)
class ConvertScript:
    """How a convert_checkpoint.py is called."""

    folder: str = ""
    """folder of the script below examples/; empty: the name of the family"""
    model_dir: str = "model_dir"
    output_dir: str = "output_dir"
    tp_size: str = "tp_size"
    """option with the number of ranks; empty: the script knows one rank only"""
    pp_size: str = "pp_size"
    """empty: no pipeline parallelism"""
    dtype_auto: bool = True
    """whether the script takes `--dtype auto` from 0.15 on"""
    always: tuple[tuple[str, str], ...] = ()
    """options that it is always given"""
    two_parts: bool = False
    """it writes an encoder and a decoder, in folders of these names"""
    by_architecture: bool = False
    """it needs the class of the model as --model"""


def _seq2seq(kind: str) -> ConvertScript:
    return ConvertScript("enc_dec", dtype_auto=False, always=(("model_type", kind),), two_parts=True)


_USUAL = ConvertScript()
_SCRIPTS = {
    "bert": ConvertScript(dtype_auto=False, by_architecture=True),
    "gemma": ConvertScript(
        model_dir="model-dir", output_dir="output-model-dir", tp_size="world-size", pp_size="",
        dtype_auto=False, always=(("ckpt-type", "hf"),),
    ),
    "recurrentgemma": ConvertScript(
        tp_size="world_size", pp_size="", dtype_auto=False, always=(("ckpt_type", "hf"),)
    ),
    "whisper": ConvertScript(tp_size="", pp_size="", dtype_auto=False, two_parts=True),
    "enc_dec": ConvertScript(dtype_auto=False, two_parts=True),
    **{kind: _seq2seq(kind) for kind in ("t5", "bart", "nmt", "pix2struct")},
}  # fmt: skip
PARTS = ("encoder", "decoder")
"""Folders of the two parts of a checkpoint and of an engine."""
_BERT_CLASSES = tuple(
    f"{family}{task}"
    for family in ("Bert", "Roberta")
    for task in ("Model", "ForQuestionAnswering", "ForSequenceClassification")
)


def script_of(family: str) -> ConvertScript:
    """Return how the script of a family is called."""
    return _SCRIPTS.get(family, _USUAL)


def class_options(family: str, architecture: str) -> Options:
    """Return the class of the model for a script that needs it; for another task the bare model."""
    if not script_of(family).by_architecture:
        return []
    bare = "RobertaModel" if architecture.startswith("Roberta") else "BertModel"
    return [("model", architecture if architecture in _BERT_CLASSES else bare)]
