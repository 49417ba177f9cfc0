"""Pack a run and import it on another machine."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner import archive
from runner import events as ev
from runner.archive import publish, unpack
from runner.cli.main import main
from runner.history import labels
from runner.history.reader import read_entries
from runner.history.reports import load_report
from runner.plan.plan import Hook
from runner.plan.repro_script import repro_script
from runner.profile.yaml_file import dump
from runner.report.build import build_report
from runner.report.files import read_state, write_report
from runner.run import layout
from runner.util import paths
from runner.util.errors import UserError
from tests.support import recorded_runs
from tests.support.paths import DATA

RECORDED = DATA / "h200-torch-1gpu"


def test_imported_run_shows_and_replays_the_same(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["show", "last"])
    here = capsys.readouterr().out
    packed = archive.pack_run(run_dir, tmp_path).path
    assert packed == tmp_path / f"{run_dir.name}.zip"
    elsewhere()
    assert main(["import", str(packed)]) == 0
    assert capsys.readouterr().out == here
    (entry,) = read_entries()
    assert (entry.run, entry.status) == (run_dir.name, "finished")
    assert main(["replay", "last", "--headless", "--speed", "10000"]) == 0
    assert capsys.readouterr().out == here
    assert (entry.run_dir / "repro.sh").stat().st_mode & stat.S_IXUSR
    assert load_report(entry.run_dir) == build_report(
        layout.load_plan(entry.run_dir), read_state(entry.run_dir)
    )


def test_name_tags_and_note_are_packed(run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path) -> None:
    labels.rename(run_dir.name, "通义千问, warm")
    labels.tag(run_dir.name, ["h200", "nightly"])
    labels.annotate(run_dir.name, "after the driver update")
    packed = archive.pack_run(run_dir, tmp_path).path
    elsewhere()
    taken = archive.unpack_archive(packed).run_dir
    assert labels.label_of(taken.name) == labels.Label(
        "通义千问, warm", ("h200", "nightly"), "after the driver update"
    )


def test_without_its_label_a_run_is_not_imported(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path
) -> None:
    labels.tag(run_dir.name, ["h200"])
    packed = archive.pack_run(run_dir, tmp_path).path
    elsewhere()
    paths.labels_file().mkdir(parents=True)
    with pytest.raises(UserError, match="cannot write the labels"):
        archive.unpack_archive(packed)
    assert layout.list_names() == []


def test_recorded_run_of_a_gpu_machine(elsewhere: Callable[[], None], tmp_path: Path) -> None:
    source = paths.runs_dir() / "20261122T181105Z_torch-1gpu_7bff"
    shutil.copytree(RECORDED, source)
    packed = archive.pack_run(source, tmp_path / "mine.zip").path
    elsewhere()
    taken = archive.unpack_archive(packed).run_dir
    assert load_report(taken) == load_report(source)
    assert (taken / "0-benchmark.log").read_bytes() == (source / "0-benchmark.log").read_bytes()


def test_a_directory_from_elsewhere_is_imported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copytree(RECORDED, tmp_path / "a copied run")
    assert read_entries() == []
    assert main(["import", str(source)]) == 0
    (entry,) = read_entries()
    assert (entry.run, entry.status) == ("20261122T181105Z_torch-1gpu_7bff", "finished")
    assert entry.run_dir == paths.runs_dir() / entry.run
    assert load_report(entry.run_dir).configurations == load_report(source).configurations
    assert "already in the history" not in capsys.readouterr().err
    assert main(["import", str(source)]) == 0
    assert "already in the history; nothing was changed" in capsys.readouterr().err
    assert len(read_entries()) == 1
    (source / layout.PLAN).unlink()
    assert main(["import", str(source)]) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_the_same_run_gives_the_same_bytes(run_dir: Path, tmp_path: Path) -> None:
    first = archive.pack_run(run_dir, tmp_path / "a.zip").path.read_bytes()
    for path in run_dir.iterdir():
        os.utime(path, (1, 1))
    assert archive.pack_run(run_dir, tmp_path / "b.zip").path.read_bytes() == first


def test_local_files_links_and_hook_output_are_not_packed(run_dir: Path, tmp_path: Path) -> None:
    for name in (
        "lock",
        "supervisor.json",
        "stop",
        "processes",
        "telemetry.jsonl",
        ".report.json.99",
        "on-end.log",
        "ranks/0/0.jsonl",
    ):
        (run_dir / name).parent.mkdir(exist_ok=True)
        (run_dir / name).write_text("x")
    (run_dir / "secret").symlink_to("/etc/passwd")
    with zipfile.ZipFile(archive.pack_run(run_dir, tmp_path).path) as packed:
        names = packed.namelist()
    expected = {
        "archive.json",
        "events.jsonl",
        "plan.json",
        "profile.yaml",
        "repro.sh",
        "report.json",
        "0-benchmark.log",
    }
    assert set(names) == expected


def test_second_import_changes_nothing(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    assert main(["import", str(packed)]) == 0
    assert f"{run_dir.name} is already in the history; nothing was changed" in capsys.readouterr().err
    assert layout.list_runs() == [run_dir]
    assert main(["import", "--again", str(packed)]) == 0
    assert len(layout.list_runs()) == 2


def test_run_imported_under_a_new_id_is_recognised(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path
) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    elsewhere()
    recorded_runs.failed().write(paths.runs_dir())
    first, second = archive.unpack_archive(packed), archive.unpack_archive(packed)
    assert first.run_dir == second.run_dir
    assert (first.new, second.new) == (True, False)


def test_of_two_imports_at_once_one_adds_the_run(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    elsewhere()
    extract = unpack._extract
    others: list[archive.UnpackedRun] = []

    def extract_after_another(*arguments: Any) -> None:
        monkeypatch.setattr(unpack, "_extract", extract)
        extract(*arguments)
        others.append(archive.unpack_archive(packed))

    monkeypatch.setattr(unpack, "_extract", extract_after_another)
    late, (first,) = archive.unpack_archive(packed), others
    assert (first.new, late.new, late.run_dir) == (True, False, first.run_dir)
    assert layout.list_names() == [run_dir.name]


def test_next_import_deletes_leftovers_of_a_killed_one(run_dir: Path, tmp_path: Path) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    left = paths.runs_dir() / ".incoming-00000000"
    (left / "run").mkdir(parents=True)
    with publish.staging_dir() as under_way:
        (under_way / "run").mkdir()
        archive.unpack_archive(packed)
        assert not left.exists()
        assert (under_way / "run").is_dir(), "a running import is not touched"
    assert layout.list_names() == [run_dir.name]
    assert [path for path in paths.runs_dir().iterdir() if path != run_dir] == []


SECRET = "it's hf_'quoted' \\ token: é"
UNKNOWN = "nvapi-0123456789abcdefghij"


def with_secrets(run_dir: Path) -> None:
    """Put a token and a hook into the stored plan, profile and script of a run."""
    profile = dump({"name": "p", "launch": {"env": {"HF_TOKEN": SECRET, "OMP_NUM_THREADS": "4"}}})
    plan = layout.load_plan(run_dir)
    (stage, *others) = plan.stages
    env = {"HF_TOKEN": SECRET, "OMP_NUM_THREADS": "4", "http_proxy": "http://me:word@proxy:80"}
    argv = ["docker", "exec", "-e", f"WANDB_API_KEY={SECRET}", "box", "true"]
    stages = [msgspec.structs.replace(stage, env=env, argv=argv), *others]
    plan = msgspec.structs.replace(plan, stages=stages, on_end=Hook(["curl", SECRET]))
    (run_dir / layout.PLAN).write_bytes(msgspec.json.encode(plan))
    (run_dir / layout.PROFILE).write_text(profile)
    (run_dir / layout.REPRO).write_text(repro_script(plan))
    with open(run_dir / "0-benchmark.log", "a") as log:
        log.write(f"HF_TOKEN={SECRET}\nof another shell: {UNKNOWN}\n")
    printed = ev.encode(ev.Notice(t=1, level="warning", text=f"{SECRET} was refused"))
    (run_dir / layout.EVENTS).write_bytes(printed + (run_dir / layout.EVENTS).read_bytes())
    write_report(run_dir, build_report(plan, read_state(run_dir)))


def test_secrets_are_not_packed(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_secrets(run_dir)
    assert main(["archive", str(run_dir), "-o", str(tmp_path / "x.zip")]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "note: the archive does not contain the values of HF_TOKEN, http_proxy, WANDB_API_KEY"
    ]
    elsewhere()
    taken = archive.unpack_archive(tmp_path / "x.zip").run_dir
    for path in taken.iterdir():
        content = path.read_text()
        for trace in ("hf_", "quoted", "word@proxy", "curl", "nvapi-"):
            assert trace not in content, path.name
    assert layout.load_plan(taken).on_end is None
    assert "env:\n    OMP_NUM_THREADS: '4'\n" in (taken / layout.PROFILE).read_text()
    assert archive.pack_run(taken, tmp_path / "again.zip").path.exists()


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["export"], ["export", "--format", "html"]])
def test_secrets_are_not_shown(
    words: list[str], run_dir: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with_secrets(run_dir)
    assert main([words[0], run_dir.name, *words[1:]]) == 0
    out = capsysbinary.readouterr().out
    assert b"was refused" in out
    assert b"quoted" not in out


def test_packed_script_requires_withheld_variables(run_dir: Path, tmp_path: Path) -> None:
    with_secrets(run_dir)
    with zipfile.ZipFile(archive.pack_run(run_dir, tmp_path).path) as packed:
        script = packed.read(layout.REPRO).decode().replace("docker exec", "echo ran")
    asked = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env={})
    assert "HF_TOKEN: set it, its value is withheld here" in asked.stderr
    given = {"HF_TOKEN": "x", "http_proxy": ""}
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=given)
    assert ran.stdout == "ran -e WANDB_API_KEY box true\n"


def test_unreadable_profile_with_a_secret_is_not_packed(run_dir: Path, tmp_path: Path) -> None:
    with_secrets(run_dir)
    (run_dir / layout.PROFILE).write_text("name: [\n")
    with pytest.raises(UserError, match=r"the plan contains a secret \(HF_TOKEN, .*cannot be checked"):
        archive.pack_run(run_dir, tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_dash_means_standard_output(run_dir: Path, tmp_path: Path) -> None:
    program = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "archive", str(run_dir), "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    (tmp_path / "x.zip").write_bytes(done.stdout)
    assert not archive.unpack_archive(tmp_path / "x.zip").new
    assert not Path("-").exists()


def test_runs_before_a_damaged_file_are_reported(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, torn = archive.pack_run(run_dir, tmp_path).path, tmp_path / "torn.zip"
    torn.write_bytes(packed.read_bytes()[:300])
    elsewhere()
    assert main(["import", str(packed), str(torn)]) == 2
    output = capsys.readouterr()
    assert output.err.splitlines()[0] == str(paths.runs_dir() / run_dir.name)
    assert f"run {run_dir.name} on bench01 · finished" in output.out


def test_other_run_with_the_same_id_is_kept(
    run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    elsewhere()
    other = recorded_runs.failed().write(paths.runs_dir())
    assert other.name == run_dir.name
    before = {path.name: path.read_bytes() for path in other.iterdir() if path.is_file()}
    assert main(["import", str(packed)]) == 0
    assert "so this one got a new id" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in other.iterdir() if path.is_file()} == before
    assert sorted(entry.status for entry in read_entries()) == ["failed", "finished"]


@pytest.mark.parametrize("name", ["kept-by-hand", os.fsdecode(b"n\xff")])
def test_renamed_run_directory_is_packed_under_its_id(
    name: str, run_dir: Path, elsewhere: Callable[[], None], tmp_path: Path
) -> None:
    kept = run_dir.rename(tmp_path / name)
    packed = archive.pack_run(kept, tmp_path).path
    assert packed.name == f"{run_dir.name}.zip"
    elsewhere()
    assert archive.unpack_archive(packed).run_dir.name == run_dir.name


@pytest.mark.parametrize("name", ["a:b", "a\\b", os.fsdecode(b"n\xff")])
def test_unportable_file_name_is_not_packed(name: str, run_dir: Path, tmp_path: Path) -> None:
    (run_dir / name).touch()
    with pytest.raises(UserError, match="is not a valid file name on some systems"):
        archive.pack_run(run_dir, tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_run_under_way_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = recorded_runs.under_way().write(paths.runs_dir())
    monkeypatch.setattr("runner.history.run_entry.recover", lambda _: None)
    with pytest.raises(UserError, match="has not ended"):
        archive.pack_run(under_way, tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_unwritable_file_is_one_sentence(run_dir: Path) -> None:
    with pytest.raises(UserError, match=r"/proc/none/.*: cannot be written: No such file"):
        archive.pack_run(run_dir, Path("/proc/none/x.zip"))
