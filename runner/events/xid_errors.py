"""Meanings of the driver's critical errors (Xid)."""

from __future__ import annotations

_MEANINGS = {
    13: "an exception in a kernel of the program",
    31: "a kernel touched memory that is not its own",
    43: "a program was stopped after it made the GPU fault",
    45: "work of a program was cleared after it ended or faulted",
    48: "an uncorrectable memory error",
    61: "the GPU's controller halted",
    62: "the GPU's controller halted",
    63: "a row of memory was remapped",
    64: "a row of memory could not be remapped",
    74: "an error of NVLink",
    79: "the GPU fell off the bus",
    94: "a contained memory error",
    95: "an uncontained memory error",
    119: "the GPU's system processor does not answer",
    120: "the GPU's system processor failed",
}


def xid_sentence(code: int) -> str:
    """Return an Xid and its meaning as a sentence."""
    known = f": {_MEANINGS[code]}" if code in _MEANINGS else ""
    return f"the driver reports Xid {code}{known}"
