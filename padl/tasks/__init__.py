"""Tasks: data, an objective, metrics, and what counts as better. task.py states the contract, batches.py draws rows.

supervised.py is the objective of a model on data; tabular.py and images.py the data. surfaces.py needs neither.
"""

from collections.abc import Callable

from padl import registry
from padl.tasks.task import Task

registry.discover(__name__, __path__)


def __getattr__(name: str) -> Callable[..., Task]:
    if name in registry.task.names():
        return registry.task.get(name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return registry.task.names()
