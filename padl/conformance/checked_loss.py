"""A loss as checks see it: arguments of the words it declares, and all it makes of them in one program. CheckedLoss."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.cases import array_code
from padl.conformance.checked_item import CheckedItem
from padl.conformance.checks import NotRun
from padl.conformance.loss_arguments import ROWS, WHOLE, drawn, is_real
from padl.types import PyTree

H = 1e-6  # of differences
KEPT = np.arange(ROWS) % 3 != 0
Arguments = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class CheckedLoss(CheckedItem):
    """A loss that is put through checks.

    Attributes:
        given: what it is called with; drawn by the words that it declares where it is left out.
    """

    given: Arguments | None = None

    @property
    def targets(self) -> str:
        """The word for what its targets are; "" where it does not say."""
        return self.traits.get("targets", "")

    @property
    def predictions(self) -> str:
        """The word for what its predictions are; scores where it does not say."""
        return self.traits.get("predictions", "scores")

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.entry.function).parameters

    @property
    def positions(self) -> int:
        """How many arguments it takes by position."""
        return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in self._parameters.values())

    @property
    def lacks(self) -> list[str]:
        """What it is to take by name, and does not."""
        if any(p.kind is p.VAR_KEYWORD for p in self._parameters.values()):
            return []
        return [name for name in ("where", "reduction") if name not in self._parameters]

    @cached_property
    def arguments(self) -> Arguments:
        """What it is called with: float64, and whole numbers."""
        if self.lacks:
            raise NotRun(f"it takes no argument {self.lacks[0]}")
        if self.given is not None:
            return self.given
        arguments = drawn(self.targets, self.predictions, self.positions)
        if arguments is None:
            say = "" if self.targets else ": say what it takes, as @loss(targets='labels', predictions='logits')"
            raise NotRun(f"no arguments are known for targets={self.targets!r}, predictions={self.predictions!r}{say}")
        return arguments

    @property
    def smaller(self) -> Iterable["CheckedLoss"]:
        """It of the first row alone, and of the first two."""
        if self.lacks:
            return ()
        cut = lambda n: tuple(a if i in self.whole else a[:n] for i, a in enumerate(self.arguments))  # noqa: E731
        return (replace(self, given=cut(n)) for n in (1, 2) if n < self.rows)

    @property
    def rows(self) -> int:
        """How many examples the arguments hold."""
        return len(self.arguments[0])

    @property
    def smooth(self) -> tuple[int, ...]:
        """The arguments that it can be differentiated in: those of real numbers."""
        return tuple(i for i, a in enumerate(self.arguments) if is_real(a))

    @property
    def whole(self) -> tuple[int, ...]:
        """The arguments that have no axis of examples."""
        return WHOLE.get((self.targets, len(self.arguments)), ())

    @property
    def is_separate(self) -> bool:
        """Whether an example's value is its own, whatever else is in the batch."""
        return self.targets != "views" and (self.targets, len(self.arguments)) != ("keys", 2)

    @property
    def kept(self) -> np.ndarray:
        """Which examples a mask keeps."""
        return KEPT[: self.rows] if self.rows > 1 else np.zeros(1, bool)

    def __call__(self, *arguments: Any, numbers: Any = None, **options: Any) -> Any:
        """The loss of these arguments, its numbers as constants where they are not given."""
        return self.choice(*arguments, **(self.numbers if numbers is None else numbers), **options)

    def single(self, dtype: Any = jnp.float32) -> list[jax.Array]:
        """The arguments as arrays of JAX, real ones in this dtype."""
        return [jnp.asarray(a, dtype if is_real(a) else None) for a in self.arguments]

    def fill(self, arguments: Sequence[Any], smooth: Sequence[Any]) -> list[Any]:
        """The arguments with these in the place of the real ones."""
        places = dict(zip(self.smooth, smooth, strict=True))
        return [places.get(i, a) for i, a in enumerate(arguments)]

    def poisoned(self) -> list[np.ndarray]:
        """The arguments, NaN or a label that is none in each example that the mask leaves out."""
        made = []
        for i, a in enumerate(self.arguments):
            bad = np.asarray(np.nan if is_real(a) else -77, a.dtype)
            keep = self.kept.reshape(-1, *[1] * (a.ndim - 1))
            made.append(a if i in self.whole else np.where(keep, a, bad))
        return made

    @cached_property
    def directions(self) -> list[np.ndarray]:
        """Where each of the real arguments is moved to, by two directions on a leading axis."""
        return [np.random.default_rng(i).normal(size=(2, *self.arguments[i].shape)) for i in self.smooth]

    def at(self, arguments: Sequence[Any], keep: Any = None, numbers: Any = None) -> PyTree:
        """What it is in float64: {"values", "sum", "mean", "pair", "gradients" of the mean}, as NumPy has them.

        Args:
            keep: a mask of examples; all are kept where it is left out. numbers: its own where they are left out.
        """
        with jax.enable_x64(True):
            numbers = {name: jnp.asarray(x, float) for name, x in {**self.numbers, **(numbers or {})}.items()}
            keep = jnp.ones(len(arguments[0]), bool) if keep is None else jnp.asarray(keep)
            return jax.device_get(self._at([jnp.asarray(a) for a in arguments], keep, numbers))

    @cached_property
    def _at(self) -> Any:
        @jax.jit
        def program(arguments: Any, keep: Any, numbers: Any) -> PyTree:
            def mean(*smooth: Any) -> Any:
                given = self.fill(arguments, smooth)
                options = {"numbers": numbers, "where": keep}
                every = {r: self(*given, reduction=r, **options) for r in ("none", "sum", "mean", "sum_and_count")}
                return every["mean"], every

            smooth = [arguments[i] for i in self.smooth]
            gradients, every = jax.grad(mean, tuple(range(len(smooth))), has_aux=True)(*smooth)
            names = {"none": "values", "sum": "sum", "mean": "mean", "sum_and_count": "pair"}
            return {"gradients": gradients, **{names[r]: x for r, x in every.items()}}

        return program

    @cached_property
    def measured(self) -> PyTree:
        """What it is at the arguments, without a mask in the program."""
        with jax.enable_x64(True):
            arguments = [jnp.asarray(a) for a in self.arguments]
            return jax.device_get(jax.jit(self._measure)(arguments, [jnp.asarray(d) for d in self.directions]))

    def _measure(self, arguments: Any, directions: Any) -> PyTree:
        """Reductions; slopes along the directions by differences, forward and backward; those of the gradients."""
        smooth = [arguments[i] for i in self.smooth]
        total = jax.jit(lambda *smooth: self(*self.fill(arguments, smooth), reduction="sum"))  # traced once for all
        gradients = jax.jit(jax.grad(total, tuple(range(len(smooth)))))
        along = lambda k, h: [a + h * d[k] for a, d in zip(smooth, directions, strict=True)]  # noqa: E731
        tangents = [[d[k] for d in directions] for k in range(2)]
        turned = [jax.jvp(gradients, smooth, t)[1] for t in tangents]
        dot = lambda a, b: sum(jnp.sum(x * y) for x, y in zip(a, b, strict=True))  # noqa: E731
        every = {r: self(*arguments, reduction=r) for r in ("none", "sum", "mean", "sum_and_count")}
        return {
            **every,
            "differences": (total(*along(0, H)) - total(*along(0, -H))) / (2 * H),
            "forward": jax.jvp(total, smooth, tangents[0])[1],
            "backward": dot(gradients(*smooth), tangents[0]),
            "turned": turned[0],
            "turned by differences": [
                (a - b) / (2 * H) for a, b in zip(gradients(*along(0, H)), gradients(*along(0, -H)), strict=True)
            ],
            "symmetry": (dot(tangents[1], turned[0]), dot(tangents[0], turned[1])),
        }

    @property
    def cut(self) -> list[np.ndarray]:
        """The arguments as a batch of parts, each of two examples, or of one where there are not so many."""
        size = 2 if self.rows % 2 == 0 and self.rows > 2 else 1
        return [a if i in self.whole else a.reshape(-1, size, *a.shape[1:]) for i, a in enumerate(self.arguments)]

    @cached_property
    def parts(self) -> PyTree:
        """(sums, counts) of the parts by vmap, and (sum, count) of the first alone; in float64."""
        axes = tuple(None if i in self.whole else 0 for i in range(len(self.arguments)))
        pair = lambda *part: self(*part, reduction="sum_and_count")  # noqa: E731

        @jax.jit
        def both(*parts: Any) -> Any:
            return jax.vmap(pair, axes)(*parts), pair(*[a if i in self.whole else a[0] for i, a in enumerate(parts)])

        with jax.enable_x64(True):
            return jax.device_get(both(*map(jnp.asarray, self.cut)))

    def call_code(self, arguments: Sequence[Any] | None = None, more: str = "") -> str:
        """Write the call with these arguments, its own where they are left out."""
        return f"loss({', '.join(map(argument_code, self.arguments if arguments is None else arguments))}{more})"

    def of_first(self, arguments: Sequence[Any] | None = None, more: str = "") -> str:
        """Write the call with x in the place of the first of these arguments."""
        first = argument_code((self.arguments if arguments is None else arguments)[0])
        return self.call_code(arguments, more).replace(f"loss({first}", "loss(x", 1)

    def shown(self, arguments: Sequence[Any] | None = None, more: str = "", *lines: str) -> str:
        """Write a case that prints the loss of some arguments."""
        return self.case(f"loss = {self.made()}", f"print({self.call_code(arguments, more)})", *lines)

    def refusal(self, call: str) -> str:
        """Write a case that prints what comes of a call that is to be refused."""
        return self.case(
            f"loss = {self.made()}", "try:", f"    print({call})", "except Exception as error:",
            "    print(type(error).__name__, error)",
        )  # fmt: skip


def argument_code(a: Any) -> str:
    """Write an argument as code: `jnp.array([0, 2])`."""
    a = np.asarray(a)
    return array_code(a) if is_real(a) else f"jnp.array({a.tolist()})"
