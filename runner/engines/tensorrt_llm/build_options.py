"""The options of `trtllm-build`, `convert_checkpoint.py` and `quantize.py`, as sections of a profile.

The order of the fields is the order of the options on the command line. null (for a flag: false) leaves an
option out, so TensorRT-LLM's own default applies, which the metadata of a field have (`default`). Which
version has which option is in `runner.engines.tensorrt_llm.options_by_version`. Further fields, which no
other code reads, are made from its table (`runner.engines.tensorrt_llm.more_options`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from runner.engines.tensorrt_llm.more_options import with_fields
from runner.schema.base import PositiveInt, Section

Switch = Literal["enable", "disable"]
PluginType = Literal["auto", "float16", "float32", "bfloat16", "int32", "disable"]
GemmType = Literal["auto", "float16", "float32", "bfloat16", "int32", "fp8", "nvfp4", "disable"]
Fp8 = Literal["fp8", "disable"]


def _option(description: str, default: str, **more: str) -> Meta:
    return Meta(description=_with_default(description, default), extra={"default": default, **more})


def _flag(description: str, **more: str) -> Meta:
    return Meta(description=description, extra={"default": "off", **more})


def _with_default(description: str, default: str) -> str:
    return f"{description} (null: TensorRT-LLM's default, {default})"


@with_fields("build")
class Build(Section, frozen=True):
    """Options of trtllm-build."""

    gemm_plugin: Annotated[GemmType | None, _option("matrix products by cuBLAS, in this type", "disable")] = (
        None
    )
    max_batch_size: Annotated[
        PositiveInt | None, _option("largest batch", "2048; 256 before 0.14", unit="sequences")
    ] = None
    max_num_tokens: Annotated[
        PositiveInt | None,
        _option(
            "most tokens in one step, padding removed; a static batch needs batch x input length",
            "8192",
            unit="tokens",
        ),
    ] = None
    max_input_len: Annotated[PositiveInt | None, _option("longest input", "1024", unit="tokens")] = None
    max_seq_len: Annotated[
        PositiveInt | None,
        _option("longest input and output together", "deduced from the model", unit="tokens"),
    ] = None
    max_beam_width: Annotated[PositiveInt | None, _option("most beams", "1", unit="beams")] = None
    opt_num_tokens: Annotated[
        PositiveInt | None,
        _option("tokens a step to optimise for", "max_batch_size x max_beam_width", unit="tokens"),
    ] = None
    max_encoder_input_len: Annotated[
        PositiveInt | None,
        _option("longest input of the encoder (encoder-decoder models)", "1024", unit="tokens"),
    ] = None
    max_prompt_embedding_table_size: Annotated[
        PositiveInt | None, _option("size of the prompt embedding table", "0", unit="tokens")
    ] = None
    kv_cache_type: Annotated[
        Literal["continuous", "paged", "disabled"] | None,
        _option("how the KV cache is kept", "paged"),
    ] = None
    profiling_verbosity: Annotated[
        Literal["layer_names_only", "detailed", "none"] | None,
        _option(
            "what the engine knows about its layers; detailed makes --dump_profile useful", "layer_names_only"
        ),
    ] = None
    input_timing_cache: Annotated[
        str | None, _option("file with kernel timings of an earlier build", "none")
    ] = None
    output_timing_cache: Annotated[
        str | None, _option("file to write kernel timings to", "model.cache in the working directory")
    ] = None
    strip_plan: Annotated[bool, _flag("leave the weights out of the engine")] = False
    weight_sparsity: Annotated[bool, _flag("use structured sparsity of the weights")] = False
    weight_streaming: Annotated[
        bool, _flag("keep weights in host memory; needed for gpu_weights_percent below 1")
    ] = False
    fast_build: Annotated[bool, _flag("build faster, without all optimisations")] = False
    workers: Annotated[
        PositiveInt | None,
        _option("processes that build at the same time, at most one a GPU", "1: rank after rank"),
    ] = None
    log_level: Annotated[
        Literal["internal_error", "error", "warning", "info", "verbose", "debug", "trace"] | None,
        _option("how much trtllm-build prints", "info"),
    ] = None
    monitor_memory: Annotated[bool, _flag("print memory used while building")] = False
    logits_dtype: Annotated[
        Literal["float16", "float32"] | None, _option("type of the logits", "from the checkpoint")
    ] = None
    gather_context_logits: Annotated[bool, _flag("keep the logits of the input")] = False
    gather_generation_logits: Annotated[bool, _flag("keep the logits of the output")] = False
    bert_attention_plugin: Annotated[PluginType | None, _option("attention of encoders", "auto")] = None
    gpt_attention_plugin: Annotated[PluginType | None, _option("attention of decoders", "auto")] = None
    gemm_swiglu_plugin: Annotated[Fp8 | None, _option("fused matrix product and SwiGLU", "disable")] = None
    fp8_rowwise_gemm_plugin: Annotated[
        PluginType | None, _option("matrix products in fp8 with a scale a row", "disable")
    ] = None
    low_latency_gemm_plugin: Annotated[
        Fp8 | None, _option("matrix products for small batches", "disable")
    ] = None
    moe_plugin: Annotated[PluginType | None, _option("mixture of experts", "auto")] = None
    mamba_conv1d_plugin: Annotated[PluginType | None, _option("convolution of Mamba models", "auto")] = None
    nccl_plugin: Annotated[PluginType | None, _option("communication between GPUs", "auto")] = None
    lora_plugin: Annotated[PluginType | None, _option("LoRA adapters", "disable")] = None
    lookup_plugin: Annotated[PluginType | None, _option("embedding look-ups", "disable")] = None
    context_fmha: Annotated[Switch | None, _option("fused attention over the input", "enable")] = None
    bert_context_fmha_fp32_acc: Annotated[
        Switch | None, _option("add up in float32 in fused attention of encoders", "disable")
    ] = None
    remove_input_padding: Annotated[
        Switch | None, _option("pack inputs of different lengths without padding", "enable")
    ] = None
    paged_kv_cache: Annotated[
        Switch | None, _option("KV cache in pages; kv_cache_type says the same", "enable")
    ] = None
    tokens_per_block: Annotated[
        PositiveInt | None, _option("tokens in one page of the KV cache", "64; 32 from 1.0", unit="tokens")
    ] = None
    use_paged_context_fmha: Annotated[
        Switch | None, _option("reuse and chunk the KV cache of inputs", "disable; enable from 1.0")
    ] = None
    use_fp8_context_fmha: Annotated[
        Switch | None, _option("fused attention in fp8", "disable; enable from 1.0")
    ] = None
    enable_xqa: Annotated[Switch | None, _option("attention kernels for grouped queries", "enable")] = None
    multiple_profiles: Annotated[
        Switch | None, _option("several optimisation profiles; benchmark.py cannot run them", "disable")
    ] = None
    paged_state: Annotated[Switch | None, _option("paged state of recurrent models", "enable")] = None
    streamingllm: Annotated[Switch | None, _option("StreamingLLM attention", "disable")] = None
    reduce_fusion: Annotated[Switch | None, _option("fuse all-reduce with the norm after it", "disable")] = (
        None
    )
    pp_reduce_scatter: Annotated[
        Switch | None, _option("reduce-scatter between pipeline stages", "disable")
    ] = None
    use_fused_mlp: Annotated[Switch | None, _option("one matrix product for gate and up", "enable")] = None
    extra_args: Annotated[
        list[str], Meta(description="further arguments for trtllm-build, after the others")
    ] = msgspec.field(default_factory=list)


@with_fields("convert")
class Convert(Section, frozen=True):
    """Options of convert_checkpoint.py: quantisation, and reading of the weights."""

    use_weight_only: Annotated[bool, _flag("quantise the weights alone")] = False
    weight_only_precision: Annotated[
        Literal["int8", "int4", "int4_gptq", "int4_awq", "int8_gptq"] | None,
        _option("type of the quantised weights, with use_weight_only", "int8"),
    ] = None
    disable_weight_only_quant_plugin: Annotated[
        bool, _flag("weight-only matrix products by TensorRT itself")
    ] = False
    smoothquant: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="SmoothQuant with this alpha; null: no SmoothQuant"),
    ] = None
    per_channel: Annotated[bool, _flag("SmoothQuant: a scale for every channel of the weights")] = False
    per_token: Annotated[bool, _flag("SmoothQuant: a scale for every token of the activations")] = False
    int8_kv_cache: Annotated[bool, _flag("KV cache in int8")] = False
    fp8_kv_cache: Annotated[bool, _flag("KV cache in fp8 (llama's script only)")] = False
    use_fp8: Annotated[bool, _flag("weights and activations in fp8 (llama's script only)")] = False
    use_fp8_rowwise: Annotated[bool, _flag("fp8 with a scale a row (llama's script only)")] = False
    per_group: Annotated[bool, _flag("group-wise scales, for int4_gptq and int4_awq")] = False
    group_size: Annotated[PositiveInt | None, _option("channels in one group", "128", unit="channels")] = None
    calib_dataset: Annotated[
        str | None, _option("data set that scales are found with", "ccdv/cnn_dailymail")
    ] = None
    use_parallel_embedding: Annotated[bool, _flag("split the embedding over the ranks")] = False
    embedding_sharding_dim: Annotated[
        Annotated[int, Meta(ge=0, le=1)] | None,
        Meta(
            description="split the embedding by vocabulary (0) or width (1); null: TensorRT-LLM's default, 0",
            extra={"default": "0"},
        ),
    ] = None
    load_by_shard: Annotated[bool, _flag("read one shard of the model at a time (llama's script only)")] = (
        False
    )
    load_model_on_cpu: Annotated[bool, _flag("read the model into host memory only")] = False
    moe_tp_size: Annotated[PositiveInt | None, _option("tensor-parallel size of the experts", "tp")] = None
    moe_ep_size: Annotated[PositiveInt | None, _option("ranks that the experts are spread over", "1")] = None
    workers: Annotated[
        PositiveInt | None, _option("ranks that are converted at the same time", "1: rank after rank")
    ] = None
    extra_args: Annotated[
        list[str], Meta(description="further arguments for convert_checkpoint.py, after the others")
    ] = msgspec.field(default_factory=list)


@with_fields("quantize")
class Quantize(Section, frozen=True):
    """Options of examples/quantization/quantize.py, which makes the checkpoint in place of convert."""

    qformat: Annotated[
        Literal[
            "fp8",
            "int4_awq",
            "w4a8_awq",
            "int8_sq",
            "nvfp4",
            "fp8_pc_pt",
            "int8_wo",
            "int4_wo",
            "full_prec",
        ],
        Meta(description="form of the quantised weights"),
    ]
    extra_args: Annotated[
        list[str], Meta(description="further arguments for quantize.py, after the others")
    ] = msgspec.field(default_factory=list)
    if TYPE_CHECKING:  # made from the table of options
        kv_cache_dtype: str | None = None
        awq_block_size: int | None = None
        calib_dataset: str | None = None
        device: str | None = None
        quantize_lm_head: bool = False
        autoq_format: str | None = None
        auto_quantize_bits: float | None = None
