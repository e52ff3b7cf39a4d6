"""Write the table of docs/checking.md from the promises of the checks.

    python scripts/checks_page.py

tests/test_checks_page.py says where the page is not what this writes.
"""

from pathlib import Path

from padl.app.checking import promises

PAGE = Path(__file__).parent.parent / "docs" / "checking.md"
BEGIN, END = "<!-- by python scripts/checks_page.py -->\n", "<!-- end -->\n"


def page() -> str:
    """Return the page, with the table of today's checks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def table() -> str:
    """A row for each check, kind by kind."""
    rows = [f"| `{each.name}` | {each.kind} | {_group(each)} | {each.promise} |" for each in promises()]
    return "\n".join(["| check | of | group | what is promised |", "|---|---|---|---|", *rows]) + "\n"


def _group(each) -> str:
    return f"{each.group}, with `--slow`" if each.slow else each.group


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
