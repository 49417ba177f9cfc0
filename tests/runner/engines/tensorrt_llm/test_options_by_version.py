"""The table of upstream's options: releases, versions between them, and what each program has."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import pytest

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version

RELEASES = ["0.12.0", "0.13.0", "0.14.0", "0.15.0", "0.16.0", "0.17.0.dev2024121700", "1.0.0", "1.3.0rc3"]


def test_the_table_is_as_made_from_the_parsers_of_upstream() -> None:
    """A changed entry is refused or accepted wrongly, and nothing else can notice it."""
    content = json.dumps(json.loads(options_by_version.TABLE.read_bytes()), sort_keys=True).encode()
    digest = hashlib.blake2s(content, digest_size=8).hexdigest()
    assert digest == "95a7065a975a5a04", (
        "write it with tests.support.options_by_version, and this digest after it"
    )


@pytest.mark.parametrize(
    ("program", "option", "version", "expected"),
    [
        ("build", "monitor_memory", "0.14.0", Presence.NO),
        ("build", "monitor_memory", "0.15.0", Presence.YES),
        ("build", "kv_cache_type", "0.12.0", Presence.NO),
        ("build", "qserve_gemm_plugin", "1.0.0", Presence.NO),
        ("build", "max_decoder_seq_len", "0.16.0", Presence.YES),
        ("convert qwen", "use_fp8", "0.16.0", Presence.NO),
        ("convert mamba", "use_fp8", "0.16.0", Presence.UNKNOWN),
        ("bench latency", "warmup", "0.14.0", Presence.NO),
        ("bench throughput", "backend", "0.17.0.dev2024121700", Presence.NO),
        ("bench throughput", "backend", "0.17.0.post1", Presence.YES),
        ("bench throughput", "eos_id", "0.20.0", Presence.UNKNOWN),
        ("bench throughput", "scheduler_policy", "1.2.1", Presence.YES),
        ("bench throughput", "iteration_log", "0.16.0", Presence.YES),
        ("bench throughput", "iteration_log", "0.18.0", Presence.NO),
        ("bench throughput", "iteration_log", "0.19.0", Presence.YES),
        ("bench throughput", "extra_llm_api_options", "1.3.0rc3", Presence.YES),
    ],
)
def test_presence(program: str, option: str, version: str, expected: Presence) -> None:
    assert options_by_version.presence(program, option, Version.parse(version)) is expected


@pytest.mark.parametrize("program", options_by_version.programs())
def test_a_version_between_agreeing_releases_is_like_them(program: str) -> None:
    for before, after in pairwise(RELEASES[:5]):
        between = Version.parse(f"{before}.post1")
        for option in options_by_version.option_names(program):
            around = {options_by_version.presence(program, option, Version.parse(v)) for v in (before, after)}
            found = options_by_version.presence(program, option, between)
            assert found is (around.pop() if len(around) == 1 else Presence.UNKNOWN), (option, before)


@pytest.mark.parametrize("program", options_by_version.programs())
def test_an_option_has_choices_where_it_exists(program: str) -> None:
    for option in options_by_version.option_names(program):
        for text in RELEASES:
            version = Version.parse(text)
            exists = options_by_version.presence(program, option, version) is Presence.YES
            assert (options_by_version.properties_of(program, option, version) is not None) == exists


def test_defaults_and_choices_differ_between_versions() -> None:
    old, new = Version.parse("0.13.0"), Version.parse("0.14.0")
    found = [options_by_version.properties_of("build", "max_batch_size", version) for version in (old, new)]
    assert [properties.default for properties in found if properties] == ["256", "2048"]
    plugin = options_by_version.properties_of("build", "gemm_plugin", Version.parse("1.0.0"))
    assert plugin is not None
    assert "nvfp4" in plugin.choices


def test_when_a_missing_option_exists() -> None:
    said = options_by_version.since("bench throughput", "backend", Version.parse("0.16.0"))
    assert said == "0.17.0 is the first version known to have it"
    said = options_by_version.since("build", "enable_xqa", Version.parse("0.16.0"))
    assert said == "0.15.0 is the last version known to have it"
    assert options_by_version.since("build", "qserve_gemm_plugin", Version.parse("0.16.0")) == ""


def test_releases_are_ordered_as_packages_are() -> None:
    texts = ["0.17.0.dev2024121700", "0.17.0rc1", "0.17.0", "0.17.0.post1", "0.17.1", "0.18", "1.0.0rc3"]
    order = [Version.parse(text).exact for text in texts]
    assert order == sorted(order)
    assert Version.parse("0.17.0.post1") == Version.parse("0.17")
