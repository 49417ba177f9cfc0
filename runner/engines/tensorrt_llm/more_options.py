"""Fields of profiles that are made from the table of upstream's options.

`FIELDS` has the help of each; its type, choices and default come from the table. Which version has the option
is checked as for every other field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.options_by_version import Properties
from runner.schema.base import Section

S = TypeVar("S", bound=Section)


class More(NamedTuple):
    """A further field; its name is that of the option."""

    help: str
    unit: str = ""
    kind: Literal["", "int", "words"] = ""
    """int: a number, though the table does not state it; words: several values, separated by spaces"""


FIELDS: dict[str, dict[str, More]] = {
    "build": {
        "user_buffer": More("register buffers with NCCL, which saves copies in all-reduce"),
        "low_latency_gemm_swiglu_plugin": More("fused matrix product and SwiGLU for small batches"),
        "gemm_allreduce_plugin": More("matrix product and all-reduce in one kernel"),
        "norm_quant_fusion": More("fuse norm and quantisation"),
        "fuse_fp4_quant": More("fuse quantisation to FP4 into the kernel before it"),
        "dora_plugin": More("DoRA adapters"),
        "gather_all_token_logits": More("keep the logits of input and output"),
        "speculative_decoding_mode": More("speculative decoding that the engine supports"),
        "max_draft_len": More("most draft tokens in a step", "tokens", "int"),
        "lora_dir": More("folders of LoRA adapters, separated by spaces", kind="words"),
        "lora_ckpt_source": More("format of the LoRA adapters"),
        "lora_target_modules": More("modules that LoRA changes, separated by spaces", kind="words"),
        "max_lora_rank": More("highest rank of a LoRA adapter"),
        "max_multimodal_len": More("another name of max_prompt_embedding_table_size", "tokens", "int"),
        "auto_parallel": More("number of GPUs for automatic parallelism"),
        "gpus_per_node": More("GPUs of a node, for automatic parallelism"),
        "cluster_key": More("GPU model, for automatic parallelism"),
        "builder_opt": More("optimisation level of the builder of TensorRT"),
        "enable_debug_output": More("make the tensors that the network marks outputs of the engine"),
    },
    "convert": {
        "use_nvfp4": More("weights and activations in NVFP4"),
        "use_qserve": More("QServe: weights in 4 bits, activations in 8"),
        "use_meta_fp8_rowwise_recipe": More("fp8 with a scale a row as in Meta's Llama 3.1 405B"),
        "quant_ckpt_path": More("file or folder with weights that are quantised already (GPTQ, AWQ, QServe)"),
        "calib_size": More("samples that scales are found with", "samples"),
        "calib_max_seq_length": More("longest sample that scales are found with", "tokens"),
        "meta_ckpt_dir": More("folder of a checkpoint in Meta's format, instead of Hugging Face's"),
        "moe_renorm_mode": More("how the weights of the chosen experts are normalised", kind="int"),
        "remove_duplicated_kv_heads": More("keep one of equal key and value heads"),
        "log_level": More("how much convert_checkpoint.py prints"),
    },
    "quantize": {
        "kv_cache_dtype": More("type of the KV cache"),
        "awq_block_size": More("AWQ: weights that share a scale", "weights"),
        "calib_dataset": More("calibration data: name at Hugging Face, or a folder"),
        "calib_size": More("samples for calibration; AWQ uses at most 32", "samples"),
        "calib_max_seq_length": More("longest sample", "tokens"),
        "batch_size": More("samples at the same time; larger is faster and needs more memory", "samples"),
        "tokenizer_max_seq_length": More("longest sequence of the tokenizer", "tokens"),
        "seed": More("seed of calibration"),
        "device": More("where calibration runs"),
        "device_map": More("how the model is spread over the GPUs that calibrate"),
        "quantize_lm_head": More("quantise the output head, too (fp8)"),
        "autoq_format": More("formats to choose from for each layer, in place of qformat: fp8,int4_awq"),
        "auto_quantize_bits": More("bits of a weight on average, with autoq_format"),
        "medusa_model_dir": More("folder of Medusa heads to add"),
        "num_medusa_heads": More("number of Medusa heads"),
        "quant_medusa_head": More("quantise the Medusa heads, too"),
    },
    "run": {
        "max_input_length": More("longest prompt, the rest is cut", "tokens"),
        "num_beams": More("beams"),
        "num_return_sequences": More("answers to a prompt"),
        "temperature": More("temperature of sampling"),
        "top_k": More("sample from the most likely tokens; 1: always the most likely"),
        "top_p": More("sample from the tokens with this probability together"),
        "min_p": More("leave out tokens less likely than this share of the most likely"),
        "length_penalty": More("beam search: above 1 prefers long answers"),
        "early_stopping": More("beam search: when it ends"),
        "beam_search_diversity_rate": More("beam search: how much beams differ"),
        "repetition_penalty": More("above 1 avoids tokens that occurred"),
        "presence_penalty": More("above 0 avoids tokens that occurred"),
        "frequency_penalty": More("above 0 avoids tokens the more often they occurred"),
        "no_repeat_ngram_size": More("no sequence of so many tokens twice", "tokens"),
        "random_seed": More("seed of sampling"),
        "end_id": More("token that ends an answer"),
        "streaming": More("print tokens while they are generated"),
        "streaming_interval": More("streaming: tokens between two prints", "tokens"),
        "use_py_session": More("the Python runtime instead of the C++ one"),
        "kv_cache_free_gpu_memory_fraction": More("share of free GPU memory for the KV cache"),
        "max_tokens_in_paged_kv_cache": More("size of the KV cache", "tokens", "int"),
        "kv_cache_enable_block_reuse": More("reuse blocks of equal prompts"),
        "enable_chunked_context": More("cut long prompts into chunks"),
        "gpu_weights_percent": More("share of the weights kept on the GPU (weight_streaming)"),
        "max_attention_window_size": More("tokens that attention sees", "tokens"),
        "sink_token_length": More("first tokens that attention always sees", "tokens"),
        "cuda_graph_mode": More("capture decode steps in CUDA graphs"),
        "multi_block_mode": More("several blocks of threads a head in attention: true or false"),
        "enable_context_fmha_fp32_acc": More("add up in float32 in fused attention over the prompt"),
        "lookahead_config": More("lookahead decoding: [window, n-gram, verification set]"),
        "medusa_choices": More("Medusa: the tree of choices, [[0], [0, 0], ...]"),
        "eagle_choices": More("EAGLE: the tree of choices, [[0], [0, 0], ...]"),
        "draft_engine_dir": More("engine of the draft model"),
        "draft_target_model_config": More(
            "draft and target: [draft length, draft GPUs, target GPUs, logits]"
        ),
        "prompt_lookup_config": More("prompt lookup: [lookup tokens, n-gram, GPUs]"),
        "ngram_config": More("n-gram decoding: [draft length, n-gram, GPUs]"),
        "lora_dir": More("folders of LoRA adapters, separated by spaces", kind="words"),
        "lora_task_uids": More("LoRA adapter of each prompt, separated by spaces; -1: none", kind="words"),
        "no_prompt_template": More("give the prompt to the model as it is"),
        "no_add_special_tokens": More("add no special tokens to the prompt"),
        "run_profiling": More("measure the latency of ten further answers"),
        "log_level": More("how much run.py prints"),
    },
    "bench run": {
        "medusa_choices": More("file with the tree of choices of Medusa (latency)"),
        "modality": More("kind of the data in multimodal requests"),
        "max_input_len": More("longest input of multimodal requests", "tokens"),
        "image_data_format": More("format of images in requests"),
        "data_device": More("where multimodal data are loaded"),
        "sampler_options": More("YAML file with options of sampling"),
        "custom_module_dirs": More("folder with modules that are imported first"),
        "cluster_size": More("GPUs of a cluster of experts", "GPUs", "int"),
        "target_input_len": More("input length that limits are tuned for", "tokens", "int"),
        "target_output_len": More("output length that limits are tuned for", "tokens", "int"),
        "no_skip_tokenizer_init": More("load the tokenizer also when requests are tokens"),
    },
}
_PROGRAMS = {
    "convert": ("convert llama", "convert qwen", "convert falcon", "convert gptj"),
    "bench run": ("bench throughput", "bench latency"),
}
"""Section of `FIELDS` -> programs of the table that have its options; others have their own name."""


class Words(str):
    """The values of an option that takes several, separated by spaces."""

    __slots__ = ()


def with_fields(of: str) -> Callable[[type[S]], type[S]]:
    """Return a class decorator that adds the fields of a section of `FIELDS`, before `extra_args`."""

    def decorate(section: type[S]) -> type[S]:
        written = [(f.name, f.type, _default(f)) for f in msgspec.structs.fields(section)]
        made: list[Any] = [(name, *_type_and_default(of, name, more)) for name, more in FIELDS[of].items()]
        namespace = {"__doc__": section.__doc__}
        fields = [*written[:-1], *made, written[-1]]
        made_section: Any = msgspec.defstruct(
            section.__name__,
            fields,
            bases=section.__bases__,
            module=section.__module__,
            namespace=namespace,
            frozen=True,
        )
        with_all: type[S] = made_section
        return with_all

    return decorate


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


def _type_and_default(of: str, name: str, more: More) -> tuple[Any, object]:
    forms = [
        form for program in _PROGRAMS.get(of, (of,)) for form in options_by_version.every_form(program, name)
    ]
    assert forms, f"the table of options has no {name} of {of}"
    newest = forms[-1]
    if newest.flag:
        return Annotated[bool, Meta(description=more.help, extra={"default": "off"})], False
    default = newest.default or "none"
    unit = {"unit": more.unit} if more.unit else {}
    meta = Meta(
        description=f"{more.help} (null: TensorRT-LLM's default, {default})",
        extra={"default": default, **unit},
    )
    return Annotated[_base(forms, more) | None, meta], None


def _base(forms: list[Properties], more: More) -> Any:
    choices = tuple(dict.fromkeys(choice for form in forms for choice in form.choices))
    if more.kind == "words":
        return str
    if choices:
        return Literal[tuple(map(int, choices)) if all(map(str.isdigit, choices)) else choices]
    kind: str = more.kind or next((form.type for form in reversed(forms) if form.type), "")
    return {"int": int, "float": float}.get(kind, str)


def takes_several(of: str, name: str) -> bool:
    """Check whether an option takes several values."""
    more = FIELDS.get(of, {}).get(name)
    return more is not None and more.kind == "words"
