"""Losses, a number for every example (or element) until reduce.py reduces it: `padl.losses.huber(p, y, delta=1.0)`.

Of a number: regression.py, likelihood.py (of a predicted distribution). Of a class: binary.py, classification.py,
large_vocabulary.py, margin.py. Of vectors: distances.py, embedding.py, contrastive.py. Of an order: score_order.py. Of
regions: segmentation.py. Of sequences: sequence.py. The lecture's information theory: information.py.

Beneath them: reduce.py masks and takes means; checks.py validates targets; stable_costs.py and subgradients.py
hold what a plain formula loses; plot_axes.py says along which axis `padl show --plot` draws it.
"""

from typing import TYPE_CHECKING

from padl import registry

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.losses.binary import *
    from padl.losses.classification import *
    from padl.losses.contrastive import *
    from padl.losses.distances import *
    from padl.losses.embedding import *
    from padl.losses.large_vocabulary import *
    from padl.losses.likelihood import *
    from padl.losses.margin import *
    from padl.losses.regression import *
    from padl.losses.score_order import *
    from padl.losses.segmentation import *
    from padl.losses.sequence import *
else:
    __getattr__ = registry.loss.functions_of(__name__)

__dir__ = registry.loss.names
