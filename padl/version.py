"""The version of PADL, the name that it is installed by, and how to install an extra. install_extra."""

from pathlib import Path

__version__ = "0.1.0"
DISTRIBUTION = "padl-jax"  # the import and the command are `padl`; on the package index that name is another project's


def install_extra(extra: str) -> str:
    """Return the command that installs an extra, as "search": from the checkout, where PADL runs from one."""
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / "pyproject.toml").is_file():
        return f"pip install '{DISTRIBUTION}[{extra}]'"
    place = "." if checkout == Path.cwd() else checkout
    return f"pip install -e '{place}[{extra}]'"
