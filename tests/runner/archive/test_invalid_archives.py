"""Invalid archives are refused in one sentence and leave no files."""

from __future__ import annotations

import hashlib
import json
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import archive
from runner.archive import unpack
from runner.cli.main import main
from runner.run import layout
from runner.util import paths
from runner.util.errors import UserError
from tests.support import recorded_runs


def test_invalid_label_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path / "x.zip", {"log": b"x"}, label={"name": "a\x1b[2Jb"})
    refused(path, "the name, tags or note in archive.json are not valid")
    path = forged(tmp_path / "l.zip", {"log": b"x"}, label={"name": "last"})
    refused(path, "'last' cannot be the name of a run")
    path = forged(tmp_path / "y.zip", {"log": b"x"}, label={"tags": ["two words"]})
    refused(path, "the name, tags or note in archive.json are not valid: a tag starts")


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
    assert "it contains no result of a program whose results are known" in capsys.readouterr().err
