"""Pack a run, import it on another machine, and refuse invalid archives without leftovers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner import archive, paths
from runner import events as ev
from runner.archive import publish, unpack
from runner.cli.main import main
from runner.errors import UserError
from runner.history import labels
from runner.history.reader import read_entries
from runner.history.reports import load_report
from runner.plan.plan import Hook, repro_script
from runner.profile.file import dump
from runner.report.build import build_report
from runner.report.files import read_state, write_report
from runner.run import layout
from tests.support import recorded_runs
from tests.support.paths import DATA

RECORDED = DATA / "h200-torch-1gpu"


@pytest.fixture
def run_dir() -> Path:
    """A run in the history of this machine."""
    source = recorded_runs.finished(2).write(paths.runs_dir())
    (source / "repro.sh").chmod(0o755)
    return source


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that switches to another machine with an empty history."""
    return lambda: monkeypatch.setenv("TRTBENCH_HOME", str(tmp_path / "another-machine"))


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


def test_invalid_label_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path / "x.zip", {"log": b"x"}, label={"name": "a\x1b[2Jb"})
    refused(path, "the name, tags or note in archive.json are not valid")
    path = forged(tmp_path / "l.zip", {"log": b"x"}, label={"name": "last"})
    refused(path, "'last' cannot be the name of a run")
    path = forged(tmp_path / "y.zip", {"log": b"x"}, label={"tags": ["two words"]})
    refused(path, "the name, tags or note in archive.json are not valid: a tag starts")


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
        log.write(f"HF_TOKEN={SECRET}\n")
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
        for trace in ("hf_", "quoted", "word@proxy", "curl"):
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


# --- invalid archives --------------------------------------------------------------------------------------


def refused(path: Path, error: str) -> None:
    """Check that the archive is refused in one sentence and leaves no files."""
    before = sorted(paths.runs_dir().rglob("*")) if paths.runs_dir().exists() else []
    with pytest.raises(UserError, match=error) as caught:
        archive.unpack_archive(path)
    assert len(str(caught.value.args[0]).splitlines()) == 1
    assert (sorted(paths.runs_dir().rglob("*")) if paths.runs_dir().exists() else []) == before


def forged(
    path: Path,
    files: dict[str, bytes],
    *,
    listed: dict[str, bytes] | None = None,
    run: str = "",
    mode: int = 0,
    label: dict[str, object] | None = None,
) -> Path:
    """Write an archive with the given files; the manifest lists `listed` instead."""
    described = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in (files if listed is None else listed).items()
    }
    manifest = {
        "format": "trtbench-tui archive",
        "version": 1,
        "run": run or "20260101T000000Z_p_7f3a",
        "files": described,
        "label": label or {},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive.json", json.dumps(manifest))
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = mode << 16
            out.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "a//b",
        "./x",
        "..",
        "a\\..\\x",
        "C:x",
        ".hidden",
        "a/.ssh/x",
        "supervisor.json",
        "ranks/0",
    ],
)
def test_paths_outside_of_the_run_are_refused(name: str, tmp_path: Path) -> None:
    refused(forged(tmp_path / "x.zip", {name: b"x"}), "nothing was unpacked")


@pytest.mark.parametrize("run", [
    "../../20260101T000000Z_p_7f3a", "20260101T000000Z_/../x_7f3a", "x", "20260101T000000Z_p_7f3a\n",
    "20260101T000000Z_$(id)_7f3a", "20260101T000000Z_\x1b[31m_7f3a", "٢0260101T000000Z_p_7f3a",
])  # fmt: skip
def test_invalid_id_is_refused(run: str, tmp_path: Path) -> None:
    refused(forged(tmp_path / "x.zip", {"plan.json": b"{}"}, run=run), "not the id of a run")


def test_links_are_refused(tmp_path: Path) -> None:
    refused(
        forged(tmp_path / "x.zip", {"log": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), "a link or a device"
    )


def test_content_that_differs_from_the_manifest_is_refused(tmp_path: Path) -> None:
    refused(
        forged(tmp_path / "a.zip", {"log": b"abc"}, listed={"log": b"abd"}),
        "the content of log does not match",
    )
    refused(forged(tmp_path / "b.zip", {"log": b"abc"}, listed={"log": b"ab"}), "the size of log")
    refused(forged(tmp_path / "c.zip", {"log": b"abc"}, listed={}), "do not match its archive.json: log")
    refused(forged(tmp_path / "d.zip", {}, listed={"log": b"abc"}), "do not match its archive.json: log")


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "SMALL_BYTES", 1 << 20)
    refused(forged(tmp_path / "x.zip", {"log": bytes(8 << 20)}), "made to fill disks")
    monkeypatch.setattr(unpack, "MIN_FREE_AFTER", 1 << 60)
    refused(forged(tmp_path / "y.zip", {"log": b"x"}), "it needs 0 MiB unpacked")


@pytest.mark.parametrize("bomb", ["archive.json", "log"])
def test_unbounded_compression_method_is_refused(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(forged(path, {}), "w") as out:
        for name in ("archive.json", "log"):
            out.writestr(name, bytes(8), zipfile.ZIP_BZIP2 if name == bomb else zipfile.ZIP_DEFLATED)
    refused(path, f"{bomb} has a compression method that `archive` never uses")


def test_manifest_is_read_up_to_its_stated_size(tmp_path: Path) -> None:
    path, size = tmp_path / "x.zip", 64 << 20
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive.json", bytes(size))
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (9).to_bytes(4, "little")))
    tracemalloc.start()
    try:
        refused(path, "is damaged or not a zip")
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def test_wrong_size_is_detected_before_unpacking(tmp_path: Path) -> None:
    path = forged(tmp_path / "x.zip", {"log": bytes(4096)})
    content = path.read_bytes()
    # Both headers state 4095: zip readers stop there, and the checksum does not match.
    path.write_bytes(content.replace((4096).to_bytes(4, "little"), (4095).to_bytes(4, "little")))
    refused(path, "the size of log")


def test_damaged_and_foreign_files_are_refused(
    run_dir: Path, tmp_path: Path, elsewhere: Callable[[], None]
) -> None:
    packed = archive.pack_run(run_dir, tmp_path / "whole.zip").path.read_bytes()
    elsewhere()
    for index, size in enumerate((10, 300, len(packed) // 2, len(packed) - 1)):
        torn = tmp_path / f"torn-{index}.zip"
        torn.write_bytes(packed[:size])
        assert archive.is_archive(torn)
        refused(torn, "damaged or not a zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as whole:
        log = whole.getinfo("events.jsonl")
    flipped = bytearray(packed)
    flipped[log.header_offset + log.compress_size // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    refused(tmp_path / "flipped.zip", "damaged or not a zip|does not match")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as foreign:
        foreign.writestr("readme.txt", "hello")
    refused(tmp_path / "foreign.zip", "not an archive of a run: it has no archive.json")


def test_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    source = recorded_runs.under_way().write(tmp_path / "source")
    files = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}
    del files[layout.LOCK]
    refused(forged(tmp_path / "x.zip", files), "no readable report.json with a final status")


def test_import_of_another_file_names_supported_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.tar").write_bytes(b"not a result")
    assert main(["import", str(tmp_path / "x.tar")]) == 2
    assert main(["import", str(tmp_path / "missing.zip")]) == 2
    assert "it contains no result of benchmark.py or trtllm-bench" in capsys.readouterr().err
