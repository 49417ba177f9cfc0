"""The tile sizes that were chosen, kept in a file for later runs on the same kind of GPU.

A file belongs to one identity: GPU, shapes of the matrices, type, software. A file that cannot be read or
written is no error: the sizes are measured again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.ranks.tiles import Tile


class TileCache:
    """The tiles of one identity, by key."""

    def __init__(self, directory: str | None = None, identity: Mapping[str, str | int] | None = None) -> None:
        """Read what earlier runs chose.

        Args:
            directory: where the files are; None: nothing is kept after this process.
            identity: what the choice depends on, besides the keys.
        """
        self._identity = dict(sorted((identity or {}).items()))
        self._path: Path | None = None
        self._tiles: dict[str, Tile] = {}
        if directory:
            name = hashlib.sha256(json.dumps(self._identity).encode()).hexdigest()[:16]
            self._path = Path(directory) / f"{name}.json"
            self._tiles = _read(self._path, self._identity)

    def get(self, key: str, allowed: list[Tile]) -> Tile | None:
        """Return the tile of a key; None: none was chosen, or one that is not allowed."""
        tile = self._tiles.get(key)
        return tile if tile in allowed else None

    def put(self, key: str, tile: Tile) -> None:
        self._tiles[key] = tile

    def save(self) -> None:
        """Add the tiles to the file; of processes that do so at the same time, the last one counts."""
        if self._path is None:
            return
        content = {"identity": self._identity, "tiles": _read(self._path, self._identity) | self._tiles}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            draft.replace(self._path)


def _read(path: Path, identity: dict[str, str | int]) -> dict[str, Tile]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["identity"] != identity:
            return {}
        return {str(key): Tile(*map(int, sizes)) for key, sizes in content["tiles"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
