"""A JSON file that carries its own SHA-256, so that one that was changed is refused. write, read.

It is replaced whole: there is no moment at which it and its digest, in another file, are of two writings.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.errors import PadlError
from padl.runs.run_folder import read_json, to_json, write_text

DIGEST = "sha256"  # the key that it stands under


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping whose keys are texts, none of them DIGEST; no secret gets in."""
    plain = json.loads(to_json(content))
    text = json.dumps({**plain, DIGEST: _digest(plain)}, indent=2)  # not redacted: a digest may look like a secret
    write_text(file, text + "\n")


def read(file: Path) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises:
        PadlError: it is missing, or says something else than was written.
    """
    content = read_json(file)
    try:
        is_as_written = isinstance(content, dict) and content.pop(DIGEST, None) == _digest(content)
    except RecursionError:
        is_as_written = False
    if not is_as_written:
        raise PadlError(f"{file} is not as it was written: it is damaged or was edited, and is not used")
    return content


def _digest(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
