"""What a page of documentation holds: its blocks of code, commands, files and links. And running its Python."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import jax

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r'^```(\w*)(?: title="([^"\n]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """language, title: of its first line, ```csv title="table.csv"; a title names the file that the block is."""

    language: str
    title: str
    code: str


def pages() -> list[str]:
    """Return the pages of the documentation as paths in the repository, the README first."""
    return ["README.md", *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")), "plugins/README.md"]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(text_of(page))]


def commands(page: str) -> list[str]:
    """Return every line of a page's bash blocks, and what stands behind an &&, without comments."""
    code = "".join(block.code for block in blocks(page) if block.language == "bash")
    lines = [line for line in re.sub(r" \\\n\s*", " ", code).splitlines() if not line.startswith("#")]
    parts = [part.strip() for line in lines for part in line.partition(" #")[0].split("&&")]
    return [part for part in parts if part]


def write_files(page: str, folder: Path) -> None:
    """Write the blocks of a page that are files into a folder."""
    for block in blocks(page):
        if block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, encoding="utf-8")


def python(page: str) -> str:
    """Return the Python blocks of a page, one behind the other."""
    return "\n".join(block.code for block in blocks(page) if block.language == "python")


def run_python(code: str, page: str) -> dict[str, Any]:
    """Run the Python of a page, and return its variables. A reader's JAX promotes ranks, as the tests' own does not."""
    variables = {"__name__": "page"}
    with jax.numpy_rank_promotion("allow"):
        exec(compile(code, page, "exec"), variables)
    return variables


def links(page: str) -> list[str]:
    """Return the files that a page links, without their anchors."""
    found = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text_of(page))
    return list(dict.fromkeys(found))
