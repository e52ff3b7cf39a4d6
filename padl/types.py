"""The vocabulary: one word per thing; for each hyperparameter word its domain and the range worth searching.

A hyperparameter annotated `Scalar` is data: it is traced, so that a thousand values share one compiled program. `int`,
`bool`, `str` and `Literal` choose the program. `Scalar | None` is both: None leaves the mechanism out of the program.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import jax

from padl.errors import PadlError as PadlError
from padl.errors import one_line as one_line
from padl.errors import printable as printable
from padl.errors import printable_lines as printable_lines

T = TypeVar("T")
Key = jax.Array
Params = Any  # a pytree of arrays
PyTree = Any
Device = Any  # a jax.Device, which type checkers do not take for a type
Metrics = dict[str, jax.Array]
HParams = dict[str, dict[str, Any]]  # {"optimizer": {"learning_rate": 1e-3}, ...}: a pytree of scalars
Schedule = Callable[[jax.Array], jax.typing.ArrayLike]  # of the step count, as Optax's
Direction = Literal["max", "min"]
Kind = Literal["optimizer", "loss", "model", "task", "schedule"]
KINDS: tuple[Kind, ...] = ("optimizer", "loss", "model", "task", "schedule")


class Criterion(NamedTuple):
    """What says which of two is better: a metric's name, and whether "max" or "min" of it."""

    metric: str
    direction: Direction


class Metric(NamedTuple):
    """A number that a task measures.

    Attributes:
        name: as in metrics.jsonl, without its side ("accuracy", of "eval/accuracy"). direction: which way is better.
        shown: whether the live line tells it and curves.png draws it.
    """

    name: str
    direction: Direction = "min"
    shown: bool = True


LOSS = Metric("loss")  # every task has it


ARITHMETIC = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "pow", "mod") for side in ("", "r")),
    *(f"__{name}__" for name in ("neg", "abs", "float", "lt", "le", "gt", "ge", "jax_array", "array")),
)


def refuses(operators: tuple[str, ...], why: str) -> Callable[[type[T]], type[T]]:
    """Make a class raise TypeError, and say why, where one of these operators is used on it."""

    def refuse(self: Any, *others: Any, **options: Any) -> Any:
        raise TypeError(why)

    def decorated(kind: type[T]) -> type[T]:
        for name in operators:
            setattr(kind, name, refuse)
        return kind

    return decorated


@refuses(
    ARITHMETIC,
    "the learning rate of a run is a schedule, a function of the step count, and no number: write"
    " descend(rule, learning_rate), or needs=('learning_rate',) and move, or learning_rate(count)",
)
@dataclass(frozen=True, eq=False)
class LearningRate:
    """A learning rate over a training, which knows its peak: an Optax schedule, count -> peak × shape(count / steps).

    Attributes:
        peak: > 0. shape: fraction of the training done, in [0, 1] -> share of the peak. steps: of the training; behind
            them the rate stays what it is at fraction 1.
    """

    peak: Any
    shape: Callable[[jax.Array], jax.Array]
    steps: Any

    def __call__(self, count: jax.typing.ArrayLike) -> jax.Array:
        """Return the rate after so many updates, 0 at the first."""
        return self.peak * self.shape(jax.numpy.minimum(jax.numpy.asarray(count) / self.steps, 1))


class Nested:
    """Marks an annotation whose values are optimizers: a name, {"name": ..., hyperparameters}, or a transformation."""

    def __repr__(self) -> str:
        return "nested"


class Traced:
    """Marks an annotation whose values are arguments of the compiled program, never constants in it."""

    def __repr__(self) -> str:
        return "traced"


Scalar = Annotated[float | jax.Array, Traced()]
ScalarOrSchedule = Annotated[float | jax.Array | Schedule, Traced()]
Optimizer = Annotated[Any, Nested()]  # as an argument of another optimizer


def at_least_float32(dtype: Any) -> Any:
    """Return float32 for half precision and below, and any other dtype of floating point itself."""
    return jax.numpy.float32 if jax.numpy.finfo(dtype).bits < 32 else dtype


def short(value: Any) -> str:
    """Write a float with six digits at most, and anything else as it is."""
    return f"{value:g}" if isinstance(value, float) else str(value)


class _Interval(NamedTuple):
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    search: tuple[float, float] | None = None
    scale: Literal["linear", "log", "log1m"] = "linear"  # log1m: evenly spaced in log(1 - x), as decay rates want it
    off: float | None = None  # of what keeps a model from learning its training rows by heart: the value that does not


class Domain(_Interval):
    """The interval a hyperparameter lives in, and the part of it worth searching.

    A plugin gives a word of its own a domain where it uses it: `alpha: Annotated[Scalar, Domain(0.0, 1.0)]`.

    Raises:
        PadlError: no number lies in it, or its search range does not.
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **named: Any) -> "Domain":
        made = super().__new__(cls, *args, **named)
        is_open = made.low_open or made.high_open
        if not (made.low < made.high if is_open else made.low <= made.high):
            raise PadlError(f"{_written(made)} holds no number: it is Domain(low, high), with low < high")
        if made.search is not None and not (made.search[0] < made.search[1] and all(x in made for x in made.search)):
            raise PadlError(f"{_written(made)}: its search range {made.search} is no part of {made}")
        return made

    def __contains__(self, x: Any) -> bool:
        above = x > self.low if self.low_open else x >= self.low
        below = x < self.high if self.high_open else x <= self.high
        return bool(above and below)

    def __repr__(self) -> str:
        return f"in {self}"

    def __str__(self) -> str:
        left, right = "(" if self.low_open or math.isinf(self.low) else "[", ")" if self.high_open else "]"
        return f"{left}{short(self.low)}, {short(self.high)}{right}"


def _written(domain: Domain) -> str:
    return f"Domain({domain.low}, {domain.high})"


FINITE = Domain(low_open=True, high_open=True)
POSITIVE = Domain(0.0, low_open=True, high_open=True)
NON_NEGATIVE = Domain(0.0, high_open=True)
FRACTION = Domain(0.0, 1.0)
DECAY = Domain(0.0, 1.0, high_open=True, search=(0.5, 0.9999), scale="log1m")
COUNT = Domain(1)
FACTOR = POSITIVE._replace(search=(0.1, 10.0), scale="log")  # the learning rate of a rule that finds its own

DOMAINS: Mapping[str, Domain] = {
    # optimizers
    "learning_rate": POSITIVE._replace(search=(1e-5, 1.0), scale="log"),
    "momentum": DECAY._replace(search=(0.5, 0.99)),
    "momentum_decay": NON_NEGATIVE._replace(search=(0.0, 1.0)),
    "decay": DECAY,
    "b1": DECAY._replace(search=(0.5, 0.99)),
    "b2": DECAY._replace(search=(0.9, 0.9999)),
    "b3": DECAY._replace(search=(0.9, 0.9999)),
    "eps": POSITIVE._replace(search=(1e-12, 1e-2), scale="log"),
    "weight_decay": NON_NEGATIVE._replace(search=(1e-6, 1.0), scale="log", off=0.0),
    # losses
    "delta": Domain(0.0, low_open=True, search=(0.01, 10.0), scale="log"),
    # schedules, all in fractions of the training
    "warmup": FRACTION._replace(search=(0.0, 0.2)),
    "cooldown": FRACTION._replace(search=(0.0, 0.5)),
    "final": FRACTION._replace(search=(0.0, 0.1)),
    "factor": Domain(0.0, 1.0, low_open=True, search=(0.1, 0.9)),
    "every": Domain(0.0, 1.0, low_open=True, high_open=True, search=(0.1, 0.5)),
    # models
    "dropout": Domain(0.0, 1.0, high_open=True, search=(0.0, 0.5), off=0.0),
    "widths": COUNT,
    "channels": COUNT,
    "window": COUNT,
    "stride": COUNT,
    # tasks
    "noise": NON_NEGATIVE._replace(search=(0.0, 1.0)),
    "condition": Domain(1.0, high_open=True, search=(1.0, 1e4), scale="log"),
    "held_out": Domain(0.0, 1.0, low_open=True, high_open=True),
    "test": Domain(0.0, 1.0, high_open=True),
    "rows": Domain(2),
    "size": Domain(4, 4096),
    "classes": Domain(2),
    "dimensions": COUNT,
    "neighbours": COUNT,
    "longest": COUNT,
    "latent": COUNT,
    "data_seed": Domain(0, 2**32 - 1),
    # the run
    "seed": Domain(0, 2**32 - 1),
    "steps": COUNT,
    "epochs": COUNT,
    "batch_size": COUNT,
    "accumulate": COUNT,
    "devices": COUNT,
    "log_every": COUNT,
    "eval_every": COUNT,
    "patience": COUNT,
    "min_change": NON_NEGATIVE,
    "steps_per_call": COUNT,
    "clip_norm": POSITIVE._replace(search=(0.1, 10.0), scale="log"),
    "ema": DECAY._replace(search=(0.9, 0.9999)),
}
