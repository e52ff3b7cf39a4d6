"""The blocks of code on a page of documentation: read, and run."""

import re
from pathlib import Path
from typing import Any

import jax

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of one language of a page, which is a path in the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for kind, code in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) if kind == language]


def run_python(page: str, shorter: dict[str, str] | None = None) -> dict[str, Any]:
    """Run the Python blocks of a page, one behind the other, with texts of it replaced; returns their variables.

    A reader's JAX promotes ranks, as the tests' own does not.
    """
    code, variables = "\n".join(blocks(page, "python")), {"__name__": "page"}
    for text, other in (shorter or {}).items():
        assert text in code, f"{page} has no {text!r} any more"
        code = code.replace(text, other)
    with jax.numpy_rank_promotion("allow"):
        exec(compile(code, page, "exec"), variables)
    return variables


def dead_links(page: str) -> list[str]:
    """Return the files that a page links and that are not there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)(.*?)\)", text)
    return [link for link in links if not ((ROOT / page).parent / link).exists()]
