"""Every loss with arguments and its values, written from the papers in float64 NumPy: what the tests go over."""

import itertools
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from padl import losses

N, C = 8, 3  # examples, classes or features: one shape for all, so that the tests share what they compile
rng = np.random.default_rng(0)


class Case(NamedTuple):
    """A loss with arguments, as float64 and integers.

    Attributes:
        values: what reduction="none" gives. denominator: of the mean; the number of values where not given.
        numerator: what the mean sums up, where that is not `values`.
        smooth: the arguments that it can be differentiated in. whole: those without an axis of examples.
        separate: whether an example's value is its own, whatever else is in the batch.
    """

    name: str
    arguments: tuple[np.ndarray, ...]
    hyperparameters: dict[str, Any]
    values: np.ndarray
    denominator: float | None = None
    numerator: np.ndarray | None = None
    smooth: tuple[int, ...] = (0,)
    whole: tuple[int, ...] = ()
    separate: bool = True

    def __call__(self, *arguments, **options):
        """The loss of these arguments, or of those of the case from the first missing one on."""
        given = [jnp.asarray(a) for a in (*arguments, *self.arguments[len(arguments) :])]
        return getattr(losses, self.name)(*given, **self.hyperparameters, **options)

    @property
    def mean(self) -> float:
        total = (self.values if self.numerator is None else self.numerator).sum()
        return float(total / (self.values.size if self.denominator is None else self.denominator))

    def rows(self, keep) -> list[np.ndarray]:
        """The arguments with only these examples."""
        return [a if i in self.whole else a[keep] for i, a in enumerate(self.arguments)]


X = rng.normal(size=(N, C)) * 2
Y = X + rng.normal(size=(N, C)) * 2
Z = rng.normal(size=(N, C))
LABELS = rng.integers(0, C, size=N)
ONE_HOT = np.eye(C)[LABELS]
INDICATORS = rng.integers(0, 2, size=(N, C))
SIGNS = 2 * INDICATORS - 1
PAIR_SIGNS = SIGNS[:, 0]
SHARES = rng.dirichlet(np.ones(C), size=N)
CHANCES = rng.uniform(0.02, 0.98, size=(N, C))
WEIGHT = np.array([0.5, 2.0, 1.25])
SPREADS = rng.uniform(0.3, 2.0, size=(N, C))
COUNTS = rng.integers(0, 6, size=(N, C))
LISTS = np.array([[2, -1, 0], [0, 1, -1], [-1, 1, 1], [1, 2, 0], [0, -1, -1], [2, 0, -1], [1, -1, 2], [0, 2, -1]])
A = X - Y


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def huber(a, delta):
    return np.where(abs(a) <= delta, a**2 / 2, delta * (abs(a) - delta / 2))


def barron(a, alpha, scale):
    b = abs(alpha - 2)
    return b / alpha * (((a / scale) ** 2 / b + 1) ** (alpha / 2) - 1)


def minkowski(x, y, p):
    return abs(x - y).max(-1) if p == math.inf else (abs(x - y) ** p).sum(-1) ** (1 / p)


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))


def multi_margin(x, labels, margin, p):
    behind = np.maximum(0, margin - x[np.arange(N), labels][:, None] + x) ** p
    behind[np.arange(N), labels] = 0
    return behind.sum(-1) / C


def multilabel_margin(x, lists):
    def one(x, listed):
        right = list(itertools.takewhile(lambda c: c >= 0, listed))
        wrong = [c for c in range(C) if c not in right]
        return sum(max(0.0, 1 - x[j] + x[c]) for j in right for c in wrong) / C

    return np.array([one(*pair) for pair in zip(x, lists, strict=True)])


def tversky(p, y, alpha, beta, smooth):
    hit, false, missed = (p * y).sum(-1), (p * (1 - y)).sum(-1), ((1 - p) * y).sum(-1)
    return 1 - (hit + smooth) / (hit + alpha * false + beta * missed + smooth)


def contrast(queries, keys, targets, temperature, among=None):
    cosines = cosine(queries[:, None], keys[None]) / temperature
    cosines = cosines if among is None else np.where(among, cosines, -np.inf)
    return -log_softmax(cosines)[np.arange(len(queries)), targets]


def spelled(path, blank):
    """What a path says: repetitions merged, then blanks left out."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def ctc(x, labels, blank):
    """By all paths, one by one."""
    p = np.exp(log_softmax(x))
    paths = itertools.product(range(x.shape[1]), repeat=len(x))
    total = sum(
        np.prod([p[t, k] for t, k in enumerate(path)]) for path in paths if spelled(path, blank) == list(labels)
    )
    return -np.log(total) if total else math.inf


FRAMES = rng.normal(size=(N, 4, C))
FRAME_COUNTS = np.array([4, 3, 4, 2, 4, 1, 0, 4])
SEQUENCES = np.array([[1, 2], [2, 2], [1, 1], [1, 9], [2, 1], [1, 7], [9, 9], [9, 9]])  # behind its length anything
SEQUENCE_LENGTHS = np.array([2, 2, 2, 1, 2, 1, 0, 0])
OF_CTC = np.array(
    [ctc(x[:t], y[:n], blank=0) for x, t, y, n in zip(FRAMES, FRAME_COUNTS, SEQUENCES, SEQUENCE_LENGTHS, strict=True)]
)
KERNEL, BIAS = rng.normal(size=(C, 5)), rng.normal(size=5)
TOKENS, TOKEN_WEIGHT = rng.integers(0, 5, size=N), rng.uniform(0.5, 2, size=5)


def linear_cross_entropy(smoothing, z_loss, softcap):
    x = softcap * np.tanh((X @ KERNEL + BIAS) / softcap)
    t = ((1 - smoothing) * np.eye(5)[TOKENS] + smoothing / 5) * TOKEN_WEIGHT
    return -(t * log_softmax(x)).sum(-1) + z_loss * TOKEN_WEIGHT[TOKENS] * np.log(np.exp(x).sum(-1)) ** 2


def crps(x, y, sigma):
    """∫ (Φ((t - x) / σ) - [t >= y])² dt, by the trapezoid rule on either side of the step."""
    erf = np.vectorize(math.erf)
    cdf = lambda t: (1 + erf((t - x[..., None]) / sigma[..., None] / math.sqrt(2))) / 2  # noqa: E731
    below = np.linspace(np.minimum(x - 9 * sigma, y), y, 4001, axis=-1)
    above = np.linspace(y, np.maximum(x + 9 * sigma, y), 4001, axis=-1)
    return np.trapezoid(cdf(below) ** 2, below) + np.trapezoid((1 - cdf(above)) ** 2, above)


def nll(x, weight=1.0):
    return -(ONE_HOT * weight * x).sum(-1)


def views(a, b, temperature):
    z = np.concatenate([a, b])
    return contrast(z, z, np.roll(np.arange(2 * N), N), temperature, ~np.eye(2 * N, dtype=bool))


PAIRED = 2 * np.eye(N) - 1
SURE = np.exp(log_softmax(X))[np.arange(N), LABELS]
KEY_OF = rng.integers(0, N, size=N)
SMOOTHED = 0.9 * ONE_HOT + 0.1 / C
CASES = {
    "mse": Case("mse", (X, Y), {}, A**2, smooth=(0, 1)),
    "mse, integers": Case("mse", (X, COUNTS), {}, (X - COUNTS) ** 2),
    "mae": Case("mae", (X, Y), {}, abs(A), smooth=(0, 1)),
    "huber": Case("huber", (X, Y), {"delta": 0.7}, huber(A, 0.7), smooth=(0, 1)),
    "smooth_l1": Case("smooth_l1", (X, Y), {"beta": 0.7}, huber(A, 0.7) / 0.7, smooth=(0, 1)),
    "log_cosh": Case("log_cosh", (X, Y), {}, np.log(np.cosh(A)), smooth=(0, 1)),
    "quantile": Case("quantile", (X, Y), {"q": 0.9}, np.maximum(0.9 * -A, -0.1 * -A), smooth=(0, 1)),
    "general_robust": Case(
        "general_robust", (X, Y), {"alpha": -1.5, "scale": 0.8}, barron(A, -1.5, 0.8), smooth=(0, 1)
    ),
    "minkowski, 3": Case("minkowski", (X, Y), {"p": 3.0}, minkowski(X, Y, 3), smooth=(0, 1)),
    "minkowski, inf": Case("minkowski", (X, Y), {"p": math.inf}, minkowski(X, Y, math.inf), smooth=(0, 1)),
    "manhattan": Case("manhattan", (X, Y), {}, minkowski(X, Y, 1), smooth=(0, 1)),
    "euclidean": Case("euclidean", (X, Y), {}, minkowski(X, Y, 2), smooth=(0, 1)),
    "nll": Case("nll", (log_softmax(X), LABELS), {}, nll(log_softmax(X))),
    "nll, weights": Case(
        "nll", (log_softmax(X), LABELS), {"weight": tuple(WEIGHT)}, nll(log_softmax(X), WEIGHT), WEIGHT[LABELS].sum()
    ),
    "cross_entropy": Case("cross_entropy", (X, LABELS), {}, nll(log_softmax(X))),
    "cross_entropy, weights and smoothing": Case(
        "cross_entropy",
        (X, LABELS),
        {"weight": tuple(WEIGHT), "label_smoothing": 0.1},
        -(SMOOTHED * WEIGHT * log_softmax(X)).sum(-1),
        WEIGHT[LABELS].sum(),
    ),
    "cross_entropy, probabilities": Case(
        "cross_entropy", (X, SHARES), {}, -(SHARES * log_softmax(X)).sum(-1), smooth=(0, 1)
    ),
    "focal_softmax": Case("focal_softmax", (X, LABELS), {"gamma": 1.5}, -((1 - SURE) ** 1.5) * np.log(SURE)),
    "poly": Case("poly", (X, LABELS), {"epsilon": 1.5}, -np.log(SURE) + 1.5 * (1 - SURE)),
    "z_loss": Case("z_loss", (X, LABELS), {"coefficient": 0.1}, -np.log(SURE) + 0.1 * np.log(np.exp(X).sum(-1)) ** 2),
    "linear_cross_entropy": Case(
        "linear_cross_entropy",
        (X, TOKENS, KERNEL, BIAS),
        {"label_smoothing": 0.1, "z_loss": 0.05, "softcap": 3.0, "weight": tuple(TOKEN_WEIGHT), "chunk": 3},
        linear_cross_entropy(0.1, 0.05, 3.0),
        TOKEN_WEIGHT[TOKENS].sum(),
        smooth=(0, 2, 3),
        whole=(2, 3),
    ),
    "bce": Case(
        "bce",
        (CHANCES, INDICATORS),
        {},
        -np.log(np.where(INDICATORS == 1, CHANCES, 1 - CHANCES)),
    ),
    "bce_with_logits": Case("bce_with_logits", (X, INDICATORS), {}, softplus(-SIGNS * X)),
    "bce_with_logits, weights": Case(
        "bce_with_logits",
        (X, SHARES),
        {"weight": tuple(WEIGHT), "pos_weight": 3.0},
        WEIGHT * (3 * SHARES * softplus(-X) + (1 - SHARES) * softplus(X)),
        smooth=(0, 1),
    ),
    "focal": Case(
        "focal",
        (X, INDICATORS),
        {"gamma": 1.5, "alpha": 0.25},
        np.where(INDICATORS == 1, 0.25, 0.75) * sigmoid(-SIGNS * X) ** 1.5 * softplus(-SIGNS * X),
    ),
    "multilabel_soft_margin": Case(
        "multilabel_soft_margin", (X, INDICATORS), {"weight": tuple(WEIGHT)}, (WEIGHT * softplus(-SIGNS * X)).mean(-1)
    ),
    "hinge": Case("hinge", (X, SIGNS), {"margin": 1.5}, np.maximum(0, 1.5 - SIGNS * X)),
    "hinge, squared": Case("hinge", (X, SIGNS), {"p": 2}, np.maximum(0, 1 - SIGNS * X) ** 2),
    "soft_margin": Case("soft_margin", (X, SIGNS), {}, softplus(-SIGNS * X)),
    "hinge_embedding": Case(
        "hinge_embedding", (abs(X), SIGNS), {"margin": 2.0}, np.where(SIGNS == 1, abs(X), np.maximum(0, 2 - abs(X)))
    ),
    "multi_margin": Case("multi_margin", (X, LABELS), {"margin": 0.8}, multi_margin(X, LABELS, 0.8, 1)),
    "multi_margin, squared and weights": Case(
        "multi_margin", (X, LABELS), {"p": 2, "weight": tuple(WEIGHT)}, WEIGHT[LABELS] * multi_margin(X, LABELS, 1, 2)
    ),
    "multilabel_margin": Case("multilabel_margin", (X, LISTS), {}, multilabel_margin(X, LISTS)),
    "margin_ranking": Case(
        "margin_ranking", (X, Y, SIGNS), {"margin": 0.3}, np.maximum(0, -SIGNS * A + 0.3), smooth=(0, 1)
    ),
    "cosine_embedding": Case(
        "cosine_embedding",
        (X, Z, PAIR_SIGNS),
        {"margin": 0.1},
        np.where(PAIR_SIGNS == 1, 1 - cosine(X, Z), np.maximum(0, cosine(X, Z) - 0.1)),
        smooth=(0, 1),
    ),
    "triplet_margin": Case(
        "triplet_margin",
        (X, Y, Z),
        {"margin": 1.2, "p": 3.0},
        np.maximum(0, 1.2 + minkowski(X, Y, 3) - minkowski(X, Z, 3)),
        smooth=(0, 1, 2),
    ),
    "triplet_margin, swapped cosines": Case(
        "triplet_margin",
        (X, Y, Z),
        {"margin": 0.5, "swap": True, "distance": "cosine"},
        np.maximum(0, 0.5 + (1 - cosine(X, Y)) - np.minimum(1 - cosine(X, Z), 1 - cosine(Y, Z))),
        smooth=(0, 1, 2),
    ),
    "info_nce": Case(
        "info_nce", (X, Z), {"temperature": 0.5}, contrast(X, Z, np.arange(N), 0.5), smooth=(0, 1), separate=False
    ),
    "info_nce, keys given": Case(
        "info_nce", (X, Z, KEY_OF), {"temperature": 0.5}, contrast(X, Z, KEY_OF, 0.5), smooth=(0, 1), whole=(1,)
    ),
    "nt_xent": Case("nt_xent", (X, Z), {"temperature": 0.5}, views(X, Z, 0.5), smooth=(0, 1), separate=False),
    "siglip": Case(
        "siglip",
        (X, Z),
        {"scale": 4.0, "bias": -2.0},
        softplus(-PAIRED * (4 * cosine(X[:, None], Z[None]) - 2)).sum(-1),
        smooth=(0, 1),
        separate=False,
    ),
    "kl_div": Case("kl_div", (log_softmax(X), SHARES), {}, SHARES * (np.log(SHARES) - log_softmax(X)), smooth=(0, 1)),
    "kl_div, logarithms": Case(
        "kl_div",
        (log_softmax(X), np.log(SHARES)),
        {"log_target": True},
        SHARES * (np.log(SHARES) - log_softmax(X)),
        smooth=(0, 1),
    ),
    "gaussian_nll": Case(
        "gaussian_nll",
        (X, Y, SPREADS),
        {"full": True},
        -np.log(np.exp(-(A**2) / SPREADS / 2) / np.sqrt(2 * math.pi * SPREADS)),
        smooth=(0, 1, 2),
    ),
    "poisson_nll": Case("poisson_nll", (X, COUNTS), {}, np.exp(X) - COUNTS * X),
    "poisson_nll, rates": Case(
        "poisson_nll", (abs(X), COUNTS), {"log_input": False}, abs(X) - COUNTS * np.log(abs(X) + 1e-8)
    ),
    "crps_gaussian": Case("crps_gaussian", (X, Y, SPREADS), {}, crps(X, Y, SPREADS), smooth=(0, 1, 2)),
    "dice": Case("dice", (CHANCES, INDICATORS), {}, tversky(CHANCES, INDICATORS, 0.5, 0.5, 0.5)),
    "tversky": Case(
        "tversky", (CHANCES, INDICATORS), {"alpha": 0.2, "beta": 0.7}, tversky(CHANCES, INDICATORS, 0.2, 0.7, 1.0)
    ),
    "ctc": Case(
        "ctc",
        (FRAMES, SEQUENCES, FRAME_COUNTS, SEQUENCE_LENGTHS),
        {"zero_infinity": True},
        np.where(np.isinf(OF_CTC), 0, OF_CTC),
        numerator=np.where(np.isinf(OF_CTC), 0, OF_CTC) / np.maximum(SEQUENCE_LENGTHS, 1),
    ),
}
