"""Tell whether the cells of a notebook run in this process. notebook_shell, is_notebook."""

import sys
from typing import Any


def notebook_shell() -> Any:
    """Return the IPython shell of a notebook's kernel; None elsewhere, at IPython's own prompt too."""
    ipython = sys.modules.get("IPython")  # what nobody imported serves no notebook
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return shell if getattr(shell, "kernel", None) is not None else None


def is_notebook() -> bool:
    """Tell whether the cells of a notebook run in this process."""
    return notebook_shell() is not None
