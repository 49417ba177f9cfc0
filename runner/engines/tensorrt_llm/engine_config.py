"""A built engine's `config.json`."""

from __future__ import annotations

import msgspec


class Mapping(msgspec.Struct, frozen=True):
    world_size: int = 1
    tp_size: int = 1
    pp_size: int = 1


class Pretrained(msgspec.Struct, frozen=True):
    architecture: str = ""
    dtype: str = ""
    mapping: Mapping = msgspec.field(default_factory=Mapping)


class Plugins(msgspec.Struct, frozen=True):
    multiple_profiles: bool = False
    remove_input_padding: bool = True


class BuildConfig(msgspec.Struct, frozen=True):
    max_batch_size: int | None = None
    max_input_len: int | None = None
    max_seq_len: int | None = None
    max_num_tokens: int | None = None
    max_beam_width: int | None = None
    max_encoder_input_len: int | None = None
    weight_streaming: bool = False
    plugin_config: Plugins = msgspec.field(default_factory=Plugins)


class EngineConfig(msgspec.Struct, frozen=True):
    """The parts of an engine's `config.json` that decide about a benchmark."""

    pretrained_config: Pretrained
    build_config: BuildConfig
    version: str = ""


class CheckpointConfig(msgspec.Struct, frozen=True):
    """The parts of a checkpoint's `config.json` that an engine inherits."""

    dtype: str = ""
    mapping: Mapping = msgspec.field(default_factory=Mapping)


def read_engine(content: bytes | None) -> EngineConfig | None:
    """The config of an engine; None when there is none, or it is not one (a checkpoint's, for example)."""
    try:
        return msgspec.json.decode(content or b"", type=EngineConfig)
    except msgspec.DecodeError:
        return None


def read_checkpoint(content: bytes | None) -> CheckpointConfig | None:
    try:
        return msgspec.json.decode(content or b"", type=CheckpointConfig)
    except msgspec.DecodeError:
        return None
