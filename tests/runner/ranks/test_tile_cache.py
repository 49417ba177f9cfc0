"""The tile sizes that are kept for later runs."""

from __future__ import annotations

from pathlib import Path

from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    from runner.ranks.tile_cache import TileCache
    from runner.ranks.tiles import Tile

ONE, TWO = Tile(4, 2048, 8), Tile(64, 128, 4, 6)
GPU: dict[str, str | int] = {"gpu": "NVIDIA H200", "torch": "2.11.0", "layers": 32}


def test_tiles_are_kept_for_the_same_gpu_and_software(tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    first, second = TileCache(str(folder), GPU), TileCache(str(folder), GPU)
    first.put("batch 1 qkv", ONE)
    first.save()
    second.put("batch 16 qkv", TWO)
    second.save()
    later = TileCache(str(folder), GPU)
    assert [later.get(f"batch {batch} qkv", [ONE, TWO]) for batch in (1, 16, 8)] == [ONE, TWO, None]
    assert later.get("batch 1 qkv", [TWO]) is None, "a tile that is no candidate is not used"
    assert TileCache(str(folder), GPU | {"torch": "2.12.0"}).get("batch 1 qkv", [ONE]) is None
    assert len(list(folder.iterdir())) == 1, "no draft remains"


def test_a_file_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    cache = TileCache(str(folder), GPU)
    cache.put("batch 1 qkv", ONE)
    cache.save()
    (file,) = folder.iterdir()
    for text in ("", "[]", '{"identity": 1}', file.read_text().replace("2048", '"wide"')):
        file.write_text(text)
        assert TileCache(str(folder), GPU).get("batch 1 qkv", [ONE]) is None
    unwritable = TileCache(str(file / "below"), GPU)
    unwritable.put("batch 1 qkv", ONE)
    unwritable.save()
