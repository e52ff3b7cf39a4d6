"""Optimizers, each one a rule for a single array in its paper's letters: `padl.optimizers.adam(1e-3)`.

A rule for one array is lifted to trees by leafwise.py, one for all parameters together by treewise.py as the vectors of
vectors.py. descend.py makes an optimizer of it, with the weight decay of decay.py; transformation.py says what else it
reads and shows, rounding.py what its state is stored in, conventions.py whose form of it is meant.

The rules: descent.py follows the gradient and its memory, signs.py the signs of these, adaptive.py scales each
coordinate, moments.py does both, norms.py scales each array. factored.py and memory.py
keep little of what they scale by.
"""

from typing import TYPE_CHECKING

from padl import registry

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.optimizers.adaptive import *
    from padl.optimizers.descent import *
    from padl.optimizers.factored import *
    from padl.optimizers.memory import *
    from padl.optimizers.moments import *
    from padl.optimizers.norms import *
    from padl.optimizers.signs import *
else:
    __getattr__ = registry.optimizer.functions_of(__name__)

__dir__ = registry.optimizer.names
