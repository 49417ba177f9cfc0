"""A run as one file, and back: a zip that any machine can take into its history.

The first entry, `archive.json`, names every file with its size and SHA-256. Packing the same run twice gives
the same bytes. What is unpacked was made by somebody else: nothing leaves the new run directory, nothing is
bigger than it says, nothing that exists is overwritten, and a run appears whole or not at all.
"""

from runner.archive.pack import STDOUT, Packed, pack_run
from runner.archive.unpack import Unpacked, is_archive, unpack_archive

__all__ = ["STDOUT", "Packed", "Unpacked", "is_archive", "pack_run", "unpack_archive"]
