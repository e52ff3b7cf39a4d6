"""Data that come with scikit-learn. shipped."""

from importlib.util import find_spec
from pathlib import Path

from padl.types import PadlError


def shipped(file: str, use: str) -> Path:
    """Find one of scikit-learn's data files; `use` says who reads what: "task 'digits' reads the images".

    Raises:
        PadlError: scikit-learn is not installed.
    """
    spec = find_spec("sklearn")  # only where it lies: importing scikit-learn would take longer than importing JAX
    if spec is None or not spec.submodule_search_locations:
        raise PadlError(f"{use} that scikit-learn ships: pip install scikit-learn")
    return Path(spec.submodule_search_locations[0], "datasets", "data", file)
