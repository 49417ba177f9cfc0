"""Any text for property tests.

`st.text()` alone asks a codec for each of a million characters, which takes seconds in each process.
"""

from __future__ import annotations

from hypothesis import strategies as st

ANY = st.characters(exclude_categories=["Cs"])
"""every character that UTF-8 can encode, as in `st.text()`"""
ASCII = st.characters(max_codepoint=127)
