"""The `config.json` of a TensorRT-LLM engine or checkpoint, as far as benchmarks need it."""

from __future__ import annotations

import msgspec

from runner.run.layout import UNREADABLE


class EngineMapping(msgspec.Struct, frozen=True):
    """How an engine or checkpoint is split over ranks."""

    world_size: int = 1
    tp_size: int = 1
    pp_size: int = 1


class PretrainedConfig(msgspec.Struct, frozen=True):
    """The model that an engine was built from."""

    architecture: str = ""
    model_type: str = ""
    """kind of an encoder-decoder: t5, bart ..."""
    dtype: str = ""
    mapping: EngineMapping = msgspec.field(default_factory=EngineMapping)


class PluginConfig(msgspec.Struct, frozen=True):
    """Plug-in options of a build."""

    multiple_profiles: bool = False
    remove_input_padding: bool = True


class BuildConfig(msgspec.Struct, frozen=True):
    """Limits and options of a build."""

    max_batch_size: int | None = None
    max_input_len: int | None = None
    max_seq_len: int | None = None
    max_num_tokens: int | None = None
    max_beam_width: int | None = None
    max_encoder_input_len: int | None = None
    weight_streaming: bool = False
    plugin_config: PluginConfig = msgspec.field(default_factory=PluginConfig)


class EngineConfig(msgspec.Struct, frozen=True):
    """The parts of an engine's `config.json` that affect a benchmark."""

    pretrained_config: PretrainedConfig
    build_config: BuildConfig
    version: str = ""


class CheckpointConfig(msgspec.Struct, frozen=True):
    """The parts of a checkpoint's `config.json` that an engine inherits."""

    dtype: str = ""
    mapping: EngineMapping = msgspec.field(default_factory=EngineMapping)


def read_engine(content: bytes | None) -> EngineConfig | None:
    """Decode the config of an engine; None for no content, or another config (a checkpoint's)."""
    try:
        return msgspec.json.decode(content or b"", type=EngineConfig)
    except UNREADABLE:
        return None


def read_checkpoint(content: bytes | None) -> CheckpointConfig | None:
    """Decode the config of a checkpoint; None for no content, or another config."""
    try:
        return msgspec.json.decode(content or b"", type=CheckpointConfig)
    except UNREADABLE:
        return None
