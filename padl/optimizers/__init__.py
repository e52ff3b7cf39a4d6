"""Optimizers, each one a rule for a single array in its paper's letters: `padl.optimizers.adam(1e-3)`.

descent.py follows the gradient and its memory, signs.py the signs of these, adaptive.py scales each coordinate,
moments.py does both, max_moments.py by a maximum, nesterov_moments.py with a look ahead, variance.py by another second
moment, stable_moments.py with bounded steps, mixtures.py of two means, shared_moments.py for blocks. norms.py scales
each array; factored.py and memory.py keep little of what they scale by.

What rules are made of: leafwise.py lifts one for an array to trees, treewise.py one for all arrays together, which
vectors.py lets read as a vector. descend.py gives it its learning rate, decay.py its weight decay. transformation.py
says what an optimizer needs, judges and measures; wrapping.py puts one around another, groups.py gives groups of
parameters one each. conventions.py has what libraries do otherwise, rounding.py keeps slots in fewer bits, clipping.py
shortens a gradient.
"""

from typing import TYPE_CHECKING

from padl import registry

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.optimizers.adaptive import *
    from padl.optimizers.descent import *
    from padl.optimizers.factored import *
    from padl.optimizers.max_moments import *
    from padl.optimizers.memory import *
    from padl.optimizers.mixtures import *
    from padl.optimizers.moments import *
    from padl.optimizers.nesterov_moments import *
    from padl.optimizers.norms import *
    from padl.optimizers.shared_moments import *
    from padl.optimizers.signs import *
    from padl.optimizers.stable_moments import *
    from padl.optimizers.variance import *
else:
    __getattr__ = registry.optimizer.functions_of(__name__)

__dir__ = registry.optimizer.names
