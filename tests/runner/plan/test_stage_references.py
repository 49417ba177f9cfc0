"""Text forms in plan.json: containers and reasons for skipping, as runs of all versions store them."""

from __future__ import annotations

import pytest

from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.plan.plan import Stage
from runner.plan.skip import SkipKind, SkipReason


def stage(*, container: str = "", skip: str = "") -> Stage:
    """Return a stage as it is read from plan.json."""
    return Stage(name="build", argv=["true"], cwd="/", container=container, skip=skip)


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("docker exec box", ContainerRef("docker", ContainerMode.EXEC, "box")),
        ("podman run trtbench-r-build", ContainerRef("podman", ContainerMode.RUN, "trtbench-r-build")),
        ("", None),
    ],
)
def test_a_container_and_its_text(text: str, container: ContainerRef | None) -> None:
    assert stage(container=text).container_ref == container
    assert str(container or "") == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cached: /data/engine", SkipReason(SkipKind.CACHED, "/data/engine")),
        ("given: paths.engine_dir /e", SkipReason(SkipKind.GIVEN, "paths.engine_dir /e")),
        (
            "not needed: the engine is cached: /data/engine",
            SkipReason(SkipKind.NOT_NEEDED, "the engine is cached: /data/engine"),
        ),
        ("not asked for", SkipReason(SkipKind.NOT_SELECTED)),
        ("", None),
    ],
)
def test_a_reason_for_skipping_and_its_text(text: str, reason: SkipReason | None) -> None:
    assert stage(skip=text).skip_reason == reason
    assert str(reason or "") == text


def test_a_reason_in_other_words_has_no_kind() -> None:
    assert stage(skip="the toy has no weights").skip_reason is None
