"""Write the tables of docs/checking.md from the promises of the checks and the laws.

    python scripts/checks_page.py

tests/test_checks_page.py says where the page is not what this writes.
"""

from pathlib import Path

from padl.app.checking import promises
from padl.conformance.optimizer_laws import LAWS

PAGE = Path(__file__).parent.parent / "docs" / "checking.md"
BEGIN, LAWS_BEGIN = "<!-- by python scripts/checks_page.py -->\n", "<!-- laws, by python scripts/checks_page.py -->\n"
END = "<!-- end -->\n"


def page() -> str:
    """Return the page, with the tables of today's checks and laws."""
    text = PAGE.read_text(encoding="utf-8")
    for begin, table in ((BEGIN, checks_table()), (LAWS_BEGIN, laws_table())):
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}{END}{rest.partition(END)[2]}"
    return text


def laws_table() -> str:
    """A row for each law that a decorator can name."""
    rows = [f"| `{name}` | {(law.__doc__ or '').partition(chr(10))[0]} |" for name, law in LAWS.items()]
    return "\n".join(["| law | what is tried |", "|---|---|", *rows]) + "\n"


def checks_table() -> str:
    """A row for each check, kind by kind."""
    rows = [f"| `{each.name}` | {each.kind} | {_group(each)} | {each.promise} |" for each in promises()]
    return "\n".join(["| check | of | group | what is promised |", "|---|---|---|---|", *rows]) + "\n"


def _group(each) -> str:
    return f"{each.group}, with `--slow`" if each.slow else each.group


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
