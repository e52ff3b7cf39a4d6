"""Import Arrow where a table is read: it takes a seventh of a second, which other runs do not spend. arrow, compute."""

from typing import Any


def arrow() -> Any:
    import pyarrow

    return pyarrow


def compute() -> Any:
    """Arrow's functions, which it makes as it is imported: no type checker knows them."""
    import pyarrow.compute

    return pyarrow.compute
