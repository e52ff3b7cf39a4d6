"""Optimizers, each one a rule for a single array in its paper's letters: `padl.optimizers.adam(1e-3)`.

descent.py follows the gradient and its memory, signs.py the signs of these, adaptive.py scales each coordinate,
moments.py does both, max_moments.py by a maximum, nesterov_moments.py with a look ahead, variance.py by another second
moment, stable_moments.py with bounded steps, mixtures.py of two means, shared_moments.py for blocks. norms.py scales
each array, norm_balls.py by a norm of its role; factored.py and memory.py keep little of what they scale by.
kronecker.py scales by matrices, whitening.py by signs in their bases, kullback_leibler.py by better fitted ones,
psgd.py by such as learn, projected.py along singular vectors, hessian.py by the diagonal of the Hessian,
quasi_newton.py by the last steps. orthogonal.py moves matrices by the orthogonal factor that polar.py computes:
orthogonal_momenta.py of another momentum, orthogonal_variants.py and orthogonal_whitening.py of one that is scaled
first, orthogonal_lengths.py by another length, orthogonal_spectra.py by another factor, orthogonal_rows.py the
directions of rows alone. distance.py finds its learning rate from the distance to the start, polyak.py from the value
of the loss; averaged_descent.py needs no schedule.

Wrappers, whose first argument is the optimizer within. On the gradient: clipping.py by a fixed bound,
adaptive_clipping.py by one that follows, gradient_filters.py, sharpness.py takes it nearby; gating.py says when there
is an update. On the update: links.py number by number, weight_norms.py by the norm of a matrix, attention_clipping.py
by the logits of attention. averages.py judges a mean, slow_weights.py and iterate_averaging.py train elsewhere than
they judge.

What rules are made of: leafwise.py lifts one for an array to trees, slots.py keeps what it returns, treewise.py lifts
one for all arrays together, which vectors.py lets read as a vector, matrixwise.py one for a matrix. descend.py gives
it its learning rate, decay.py its weight decay. transformation.py says what an optimizer needs, judges and measures;
wrapping.py puts one around another, units.py says what of a parameter is one unit, groups.py gives groups of
parameters one each. conventions.py has what libraries do otherwise, rounding.py keeps slots in fewer bits, in_place.py
an update from needing more memory than slots, elementary.py computes functions that XLA is slow at, refresh.py does
what is due at every k-th step alone.
"""

from typing import TYPE_CHECKING

from padl import registry

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.optimizers.adaptive import *
    from padl.optimizers.adaptive_clipping import *
    from padl.optimizers.attention_clipping import *
    from padl.optimizers.averaged_descent import *
    from padl.optimizers.averages import *
    from padl.optimizers.clipping import *
    from padl.optimizers.descent import *
    from padl.optimizers.distance import *
    from padl.optimizers.factored import *
    from padl.optimizers.gating import *
    from padl.optimizers.gradient_filters import *
    from padl.optimizers.hessian import *
    from padl.optimizers.iterate_averaging import *
    from padl.optimizers.kronecker import *
    from padl.optimizers.kullback_leibler import *
    from padl.optimizers.links import *
    from padl.optimizers.max_moments import *
    from padl.optimizers.memory import *
    from padl.optimizers.mixtures import *
    from padl.optimizers.moments import *
    from padl.optimizers.nesterov_moments import *
    from padl.optimizers.norm_balls import *
    from padl.optimizers.norms import *
    from padl.optimizers.orthogonal import *
    from padl.optimizers.orthogonal_lengths import *
    from padl.optimizers.orthogonal_momenta import *
    from padl.optimizers.orthogonal_rows import *
    from padl.optimizers.orthogonal_spectra import *
    from padl.optimizers.orthogonal_variants import *
    from padl.optimizers.orthogonal_whitening import *
    from padl.optimizers.polyak import *
    from padl.optimizers.projected import *
    from padl.optimizers.psgd import *
    from padl.optimizers.quasi_newton import *
    from padl.optimizers.shared_moments import *
    from padl.optimizers.sharpness import *
    from padl.optimizers.signs import *
    from padl.optimizers.slow_weights import *
    from padl.optimizers.stable_moments import *
    from padl.optimizers.variance import *
    from padl.optimizers.weight_norms import *
    from padl.optimizers.whitening import *
else:
    __getattr__ = registry.optimizer.functions_of(__name__)

__dir__ = registry.optimizer.names
