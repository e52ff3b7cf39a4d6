"""Losses, a number for every example (or element) until reduce.py reduces it: `padl.losses.huber(p, y, delta=1.0)`.

Of a number: regression.py, likelihood.py (of a predicted distribution). Of a class: binary.py, classification.py,
large_vocabulary.py, margin.py. Of vectors: distances.py, embedding.py, contrastive.py. Of an order: score_order.py. Of
regions: segmentation.py. Of sequences: sequence.py. The lecture's information theory: information.py.

Beneath them: reduce.py masks and takes means; checks.py validates targets; stable_costs.py and subgradients.py
hold what a plain formula loses; argument_domains.py says in words what a loss may be given; plot_axes.py along which
axis `padl show --plot` draws it.
"""

from collections.abc import Callable

import jax

from padl import registry

registry.discover(__name__, __path__)


def __getattr__(name: str) -> Callable[..., jax.Array]:
    if name in registry.loss.names():
        return registry.loss.get(name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return registry.loss.names()
