"""Where PADL differs from torch on purpose: which cases, what holds instead, and why, as docs/losses.md has it."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from from_torch import CASES, Case

REFUSED = "PADL raises"
REFUSED_ELSE_SAME = "PADL raises, and with validate=False it computes what torch does"


class Gives(NamedTuple):
    """PADL gives another value, or other gradients of the inputs of these numbers; the rest is torch's."""

    value: Any = None
    gradients: dict[int, Any] = {}  # noqa: RUF012


class Finite(NamedTuple):
    """Where this gradient of torch is NaN, PADL's is finite; elsewhere they are equal."""

    of: int


APART = np.hypot(0.5, 2.0)  # anchor and negative of the triplet below
TO_NEGATIVE, REST = np.array([0.5, 2.0]) / APART, [0.0] * 8
Which = list[str] | Callable[[Case], bool]
DEVIATIONS: list[tuple[Which, Any, str]] = [
    (
        ["soft_margin_loss [0-9]*", "MarginRankingLoss *", "margin_ranking_loss [0-9]*"],
        REFUSED_ELSE_SAME,
        "A target that must be -1 or 1 is refused where it is neither.",
    ),
    (
        ["hinge_embedding_loss 9"],
        REFUSED,
        "hinge_embedding refuses a target that is neither -1 nor 1; torch adds up both of its branches.",
    ),
    (
        ["KLDivLoss [0234]*", "KLDivLoss [6789]*", "multilabel_soft_margin_loss [0-9]*"],
        REFUSED_ELSE_SAME,
        "A target that must be a probability, or the logarithm of one, is refused where it is none.",
    ),
    (
        lambda case: case.loss == "gaussian_nll" and not fit(*case.inputs),
        REFUSED,
        "Targets must have the shape of the predictions, and variances too but for the last axis: nothing else is "
        "broadcast in silence.",
    ),
    (
        ["multi_margin_loss 0", "multilabel_margin_loss 0", "multi_margin_loss 2"],
        REFUSED,
        "Scores without an axis of classes are refused, and so is one label in an array for scores without a batch.",
    ),
    (
        ["cross_entropy label -100"],
        REFUSED,
        "No label is ignored unless ignore_index names it; torch ignores -100.",
    ),
    (
        ["CrossEntropyLoss 20 2d_ignore_index_mean", "nll_loss nothing kept"],
        Gives(0.0),
        "The mean of nothing, where every label is ignored, is 0; torch's is NaN.",
    ),
    (
        ["cross_entropy probability 0 of a class ruled out"],
        Gives([np.log(2)], {0: [[0.0, 0.0, 0.0]], 1: [[np.log(2), 0.0, np.log(2)]]}),
        "A class of probability 0 costs nothing, even if its logit is -∞; torch gives NaN.",
    ),
    (
        ["binary_cross_entropy_with_logits certain and right"],
        Gives(0.0, {0: [0.0, 0.0], 1: [0.0, 0.0]}),
        "An infinite logit that is right costs nothing, with gradient 0; torch gives NaN, and ±∞ for a target.",
    ),
    (
        ["binary_cross_entropy at 0 and 1"],
        Gives(gradients={0: [0.0, 0.0, -1e12, 1e12], 1: [100.0, -100.0, 100.0, -100.0]}),
        "Where a probability is 0 or 1, the gradients of bce are those of its clamped logarithms: ±10¹², and ±100 for "
        "a target; torch rounds 10⁻¹² to single precision, and has ±∞.",
    ),
    (
        ["kl_div target 0"],
        Finite(1),
        "The gradient with respect to a target of 0 in kl_div is 0; torch's is NaN.",
    ),
    (
        ["PoissonNLLLoss 4 full", "PoissonNLLLoss 6 *", "poisson_nll_loss rate 0", "poisson_nll_loss count 1"],
        Finite(1),
        "The gradient with respect to a count is finite where `full` adds nothing to it, up to 1; torch's can be NaN.",
    ),
    (
        ["poisson_nll_loss 25", "poisson_nll_loss 35", "poisson_nll_loss 65"],
        REFUSED,
        "An eps is refused for log-rates, where it has no part; torch takes it and does nothing with it.",
    ),
    (
        ["soft_margin_loss far out"],
        Gives([1000.0, np.log1p(np.exp(-2.0))], {0: [1.0, 1 / (1 + np.exp(2.0))]}),
        "soft_margin does not overflow; torch gives ∞ and a gradient of NaN.",
    ),
    (
        ["cosine_embedding_loss zero vector"],
        Gives(gradients={0: [0.0] * 10}),
        "A zero vector has gradient 0 in cosine_embedding; torch's is of the order of 10⁶.",
    ),
    (
        ["triplet_margin_loss eps left out"],
        Gives(4 - APART, {0: [*-TO_NEGATIVE, *REST], 1: [0.0] * 10, 2: [*TO_NEGATIVE, *REST]}),
        "The eps of triplet_margin is 0 unless it is given, so that d(a, a) is 0 with gradient 0; torch's is 10⁻⁶.",
    ),
    (
        ["ctc_loss target that does not fit"],
        Finite(0),
        "A target that does not fit into its frames has gradient 0 in ctc; torch's is NaN. Both cost ∞.",
    ),
]


def fit(x: np.ndarray, y: np.ndarray, variances: np.ndarray) -> bool:
    return x.shape == y.shape and variances.shape in (x.shape, (*x.shape[:-1], 1), x.shape[:-1])


def holds_for(which: Which, case: Case) -> bool:
    return which(case) if callable(which) else any(fnmatchcase(case.name, pattern) for pattern in which)


@cache
def deviation(name: str) -> Any:
    """What holds instead for a case, or None."""
    found = [holds for which, holds, _ in DEVIATIONS if holds_for(which, CASES[name])]
    assert len(found) < 2, f"{name} is in two rows"
    return found[0] if found else None
