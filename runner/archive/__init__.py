"""Pack a run into a zip file that another machine can import, and unpack it.

The first entry, `archive.json`, names every file with its size and SHA-256. Packing the same run twice gives
the same bytes. Archives are not trusted: nothing is written outside of the new run directory, no file may be
larger than the manifest states, existing files are not overwritten, and a run appears completely or not at
all.
"""

from runner.archive.pack import STDOUT, PackedRun, pack_run
from runner.archive.unpack import UnpackedRun, is_archive, unpack_archive, verify_archive

__all__ = ["STDOUT", "PackedRun", "UnpackedRun", "is_archive", "pack_run", "unpack_archive", "verify_archive"]
