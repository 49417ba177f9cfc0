"""Rules for the sections of a profile that both TensorRT-LLM engines share."""

from __future__ import annotations

from collections.abc import Iterator

from runner.schema.base import Container, Mpirun, Problem, Section


def path_problems(paths: Section) -> Iterator[Problem]:
    """Yield a problem for each path that is not absolute."""
    for field in paths.__struct_fields__:
        value = getattr(paths, field)
        if value is not None and not value.startswith("/"):
            yield Problem(f"paths.{field}", f"{value} is not absolute; stages run in another folder")


def container_problems(container: Container | None, mpirun: Mpirun) -> Iterator[Problem]:
    """Yield the problems of `launch.container`."""
    if container is None:
        return
    if container.exec is not None and (mpirun.hosts or mpirun.hostfile is not None):
        yield Problem(
            "launch.container.exec",
            f"{container.exec} runs on this machine only, and launch.mpirun names hosts; give run (an image),"
            " from which a container is started for each rank",
        )
    if (container.exec is None) == (container.run is None):
        yield Problem("launch.container", "give exactly one of exec (a running container) and run (an image)")
    elif container.exec is not None and container.volumes:
        yield Problem(
            "launch.container.volumes",
            f"{container.exec} already runs, so volumes cannot be added; remove the line, or use run",
        )
    for volume in container.volumes:
        if volume.count(":") not in (1, 2) or not all(part[:1] == "/" for part in volume.split(":")[:2]):
            yield Problem("launch.container.volumes", f"{volume}: expected HOST:CONTAINER, both absolute")
