"""Make a data frame of pandas, which PADL needs for nothing else. data_frame."""

from typing import Any

from padl.errors import PadlError
from padl.version import install_extra


def data_frame(table: Any) -> Any:
    """Make a `pandas.DataFrame` of {column: values}, or of a list of {column: value}.

    Raises:
        PadlError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise PadlError(f"to_frame() needs pandas, which is not installed: {install_extra('notebook')}") from error
    return pandas.DataFrame(table)
