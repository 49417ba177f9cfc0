"""Commands that run stages in containers, and access to files inside; a script replaces docker."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engines import build_cache, container
from runner.engines.build_cache import CacheLookup
from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.schema.base import Container
from tests.support.patience import PATIENCE_S

# How a container for this work is started by hand; the program at the end is what a stage adds.
BY_HAND = """
docker run -dit --ipc=host --ulimit memlock=-1 --ulimit stack=67108864 --gpus=all
    --volume /src/TensorRT-LLM:/code/tensorrt_llm -v /data1/rcai:/test_data --workdir /code/tensorrt_llm
    --runtime=nvidia --name v016_tensorrtllm_benchmark tensorrt_v016 /bin/bash
"""

# Runs the command of `docker exec` right here, with the variables and in the folder that are asked for.
DOCKER = """\
#!/bin/sh
[ "$1" = exec ] || exit 1
shift
while :; do
  case "$1" in
    -i) shift ;;
    -e) case "$2" in *=*) export "$2" ;; esac; shift 2 ;;
    --workdir) cd "$2" || exit 126; shift 2 ;;
    *) break ;;
  esac
done
[ "$1" = box ] || exit 1
shift
echo "== a banner, as wrappers and entrypoints print it =="
exec "$@"
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `docker` on PATH with one running container, `box`, whose inside is this machine."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def options(words: list[str]) -> set[str]:
    """Options with their values, whatever their order and spelling."""
    joined = " ".join(words).replace(" -v ", " --volume ").replace(" -e ", " --env ")
    return set(re.findall(r"--\S+(?: [^-]\S*)?", joined))


def test_a_container_is_started_as_by_hand() -> None:
    inside = Container(
        run="tensorrt_v016",
        options=[*Container().options, "--runtime=nvidia"],
        volumes=["/src/TensorRT-LLM:/code/tensorrt_llm", "/data1/rcai:/test_data"],
        workdir="/code/tensorrt_llm",
    )
    wrapped = container.wrap_command(inside, ["PROGRAM"], env={}, workdir="/", name="trtbench-r-build")
    by_hand, ours = options(shlex.split(BY_HAND)), options(wrapped.argv)
    assert by_hand - ours == {"--name v016_tensorrtllm_benchmark"}
    assert ours - by_hand == {
        # Attached, and removed when the stage ends, where -dit by hand leaves it running.
        "--rm",
        "--name trtbench-r-build",
        *("--env TRTBENCH_RUN", "--env TRTBENCH_RECORDS", "--env SPT_NOENV", "--env CUDA_DEVICE_ORDER"),
    }
    assert wrapped.argv[-2:] == ["tensorrt_v016", "PROGRAM"]
    assert str(wrapped.container) == "docker run trtbench-r-build"


def test_words_of_a_started_container() -> None:
    inside = Container(run="image", tool="podman", options=["--ipc=host"], volumes=["/data:/test_data"])
    wrapped = container.wrap_command(
        inside, ["python3", "x.py"], env={"A": "b c"}, workdir="/runs/r", name="n", mounts=["/runs/r"]
    )
    assert wrapped.argv == [
        *("podman", "run", "--rm", "--name", "n", "--ipc=host"),
        *("--volume", "/data:/test_data", "--volume", "/runs/r:/runs/r"),
        *("-e", "TRTBENCH_RUN", "-e", "TRTBENCH_RECORDS", "-e", "SPT_NOENV", "-e", "CUDA_DEVICE_ORDER"),
        *("-e", "A"),
        *("--workdir", "/runs/r", "image", "python3", "x.py"),
    ]


def test_words_of_a_running_container() -> None:
    wrapped = container.wrap_command(
        Container(exec="box"), ["trtllm-build", "--help"], env={"A": "1"}, workdir="/code", name="n"
    )
    assert wrapped.argv == [
        *(
            "docker",
            "exec",
            "-e",
            "TRTBENCH_RUN",
            "-e",
            "TRTBENCH_RECORDS",
            "-e",
            "SPT_NOENV",
            "-e",
            "CUDA_DEVICE_ORDER",
        ),
        *("-e", "A", "--workdir", "/code", "box", "trtllm-build", "--help"),
    ]
    assert str(wrapped.container) == "docker exec box"


def test_values_of_variables_are_not_in_the_process_list() -> None:
    env = {"HF_TOKEN": "hf_secret", "A": "1", "PATH": "/opt/bin", "https_proxy": "http://me:word@proxy"}
    for inside in (Container(exec="box"), Container(run="image")):
        wrapped = container.wrap_command(inside, ["x"], env=env, workdir="/", name="n")
        short = container.argv_inside(inside, ["x"], env)
        assert "hf_secret" not in " ".join([*wrapped.argv, *short])
        assert "word" not in " ".join([*wrapped.argv, *short]).replace("--workdir", "")
        assert "PATH=/opt/bin" in wrapped.argv, "docker itself is found with the PATH of this machine"
        outside = {"HF_TOKEN": "hf_secret", "A": "1", "https_proxy": "http://me:word@proxy"}
        assert wrapped.env == container.env_outside(inside, env) == outside


def test_names_that_docker_takes() -> None:
    name = container.container_name("20261122T101500Z_qwen2.5-7b_ab12", "build")
    assert name == "trtbench-20261122T101500Z_qwen2.5-7b_ab12-build"
    assert container.container_name("$RUN", "build") == "trtbench-RUN-build"


@pytest.mark.usefixtures("docker")
def test_a_file_is_brought_into_a_running_container(tmp_path: Path) -> None:
    program = tmp_path / "it's here.py"
    program.write_text("import os, sys; print(sys.argv[1:], os.environ['A'], os.getcwd())")
    inside = f"{tmp_path}/inside.py"
    wrapped = container.wrap_command(
        Container(exec="box"),
        [sys.executable, inside, "two words"],
        env={"A": "b"},
        workdir="/",
        name="n",
        copy_in=(str(program), inside),
    )
    answer = subprocess.run(
        wrapped.argv, capture_output=True, text=True, check=True, env=os.environ | wrapped.env
    )
    assert answer.stdout.splitlines()[-1] == "['two words'] b /"


@pytest.mark.usefixtures("docker")
def test_what_cannot_be_brought_ends_the_stage(tmp_path: Path) -> None:
    copy_in = (f"{tmp_path}/none", f"{tmp_path}/inside")
    wrapped = container.wrap_command(
        Container(exec="box"), ["true"], env={}, workdir="/", name="n", copy_in=copy_in
    )
    assert subprocess.run(wrapped.argv, capture_output=True, check=False).returncode == 125


def test_a_file_inside_is_named_by_its_contents(tmp_path: Path) -> None:
    program = tmp_path / "observer.py"
    program.write_text("1")
    first = container.path_inside(program)
    assert first.startswith("/tmp/trtbench-observer-")
    program.write_text("2")
    assert container.path_inside(program) != first


def test_killing_in_a_started_container_removes_it() -> None:
    argv = container.kill_argv(ContainerRef("podman", ContainerMode.RUN, "trtbench-r-build"), "r")
    assert argv == ["podman", "rm", "--force", "trtbench-r-build"]


@pytest.mark.usefixtures("docker")
def test_sweeping_kills_what_carries_the_tag_inside(tmp_path: Path) -> None:
    run = f"run-{tmp_path.name}"
    stubborn = "trap '' TERM INT HUP; sleep 60 & wait"
    mine = subprocess.Popen(["sh", "-c", stubborn], env=os.environ | {"TRTBENCH_RUN": run})
    other = subprocess.Popen(["sleep", "60"], env=os.environ | {"TRTBENCH_RUN": f"{run}-2"})
    try:
        answer = subprocess.run(
            container.kill_argv(ContainerRef("docker", ContainerMode.EXEC, "box"), run),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert int(answer.stdout.split()[-1]) >= 2, "the shell and its child"
        assert mine.wait(PATIENCE_S) == -9
        assert other.poll() is None
    finally:
        mine.kill()
        other.kill()
        mine.wait()
        other.wait()


@pytest.mark.usefixtures("docker")
def test_outputs_in_a_running_container(tmp_path: Path) -> None:
    place = container.file_system_of(ContainerRef("docker", ContainerMode.EXEC, "box"))
    identity = {"max_batch_size": "16"}
    output = build_cache.output_dir(f"{tmp_path}/it's/work", "demo", "engine", identity)
    assert build_cache.lookup(output, identity, place) == CacheLookup("absent")
    build_cache.prepare(output, place)
    Path(output).mkdir()
    assert build_cache.lookup(output, identity, place).state == "half-written"
    build_cache.commit(output, identity, place)
    assert build_cache.lookup(output, identity, place) == CacheLookup("reuse")
    assert build_cache.lookup(output, {"max_batch_size": "8"}, place).reason == "max_batch_size 16 -> 8"
    assert place.files(output) == build_cache.HOST.files(output)
    build_cache.prepare(output, place)
    assert not Path(output).exists()


@pytest.mark.usefixtures("docker")
def test_a_missing_container(tmp_path: Path) -> None:
    place = container.file_system_of(ContainerRef("docker", ContainerMode.EXEC, "other"))
    assert place.read("/etc/hostname") is None
    with pytest.raises(OSError, match=r"cannot be changed in the container other"):
        build_cache.commit(str(tmp_path), {}, place)


def test_started_containers_keep_outputs_on_this_machine() -> None:
    assert (
        container.file_system_of(ContainerRef("docker", ContainerMode.RUN, "trtbench-r-build"))
        is build_cache.HOST
    )
    assert container.file_system_of(None) is build_cache.HOST


def test_paths_of_a_container_before_its_start(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "config.json").write_text("{}")
    inside = Container(run="image", volumes=[f"{tmp_path}/models:/test_data:ro"])
    place = container.file_system_for(inside, str(tmp_path))
    assert place.read("/test_data/config.json") == b"{}"
    assert place.read(f"{tmp_path}/models/config.json") == b"{}", "the work folder is mounted as it is"
    assert place.read("/etc/hostname") is None, "it belongs to the image"


def test_short_commands() -> None:
    argv, env = ["python3", "-V"], {"A": "1"}
    assert container.argv_inside(None, argv, {}) == argv
    assert container.argv_inside(None, argv, env) == argv
    running = Container(exec="box")
    assert container.argv_inside(running, argv, env) == [
        *("docker", "exec", "-e", "A", "box", "sh", "-c", container._ANSWER, "sh", "python3", "-V"),
    ]
    started = Container(run="image", options=["--ipc=host"], volumes=["/a:/b"])
    assert container.argv_inside(started, argv, {}) == [
        *("docker", "run", "--rm", "--ipc=host", "--volume", "/a:/b", "image"),
        *("sh", "-c", container._ANSWER, "sh", "python3", "-V"),
    ]
