"""Tasks: data, an objective, metrics, and what counts as better. task.py states the contract, batches.py draws rows.

over_rows.py is what objectives on data share, words.py how losses name their arguments. supervised.py predicts targets
of the data of tabular.py and images.py; embedding.py, ranking.py, lines.py and autoencoder.py learn other things of
them. surfaces.py needs no data; it, logistic.py and slices.py (of a network's loss) make what landscape.py calls a
landscape. least_squares.py solves the linear model in closed form. shipped.py finds scikit-learn's data. trained.py
calls a trained model again.
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
