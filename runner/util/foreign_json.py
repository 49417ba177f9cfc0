"""Decode JSON that other programs wrote."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF_CHARACTER = r"\\u[dD][89a-fA-F]"
"""an escape for half of a character beyond U+FFFF; JSON allows it alone, and nothing can store it"""


def decode_json(content: str | bytes) -> Any:
    """Return a JSON value as Python writes it, with NaN and infinity; half a character becomes `?`.

    Raises:
        ValueError: it is not valid, or too deep.
    """
    text = content if isinstance(content, str) else content.decode("utf-8-sig")
    try:
        found = json.loads(text)
        if re.search(_HALF_CHARACTER, text):
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("too deep") from None
    return found
