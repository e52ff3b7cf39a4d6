"""A registered loss, model, task or schedule as checks see it. CheckedItem, other_numbers, refuse_constants, apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checks import Failure
from padl.registry import Entry, Hyperparameter, StaticPartial
from padl.types import PadlError, PyTree


@dataclass(frozen=True, eq=False)
class CheckedItem:
    """Something registered that is put through checks.

    Attributes:
        entry: what is registered. code: Python that imports what `call` needs. call: what makes it, up to its bracket:
            "padl.loss('huber'". settings: its hyperparameters, where they are not the defaults.
    """

    entry: Entry
    code: str
    call: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name."""
        return self.entry.name

    @property
    def traits(self) -> Mapping[str, Any]:
        """What its decorator says."""
        return self.entry.traits

    @property
    def smaller(self) -> Iterable[Self]:
        """It with less, from the least on."""
        return ()

    @cached_property
    def split(self) -> tuple[StaticPartial, dict[str, Any]]:
        """The function with what chooses the program, and the numbers that are data."""
        return self.entry.split(self.settings)

    @property
    def choice(self) -> StaticPartial:
        """The function, with what chooses the program."""
        return self.split[0]

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that are data."""
        return self.split[1]

    @property
    def arrays(self) -> dict[str, jax.Array]:
        """The numbers as a program is given them."""
        return {name: jnp.asarray(x, jnp.float32) for name, x in self.numbers.items()}

    @property
    def scalars(self) -> dict[str, Hyperparameter]:
        """Hyperparameters that are data, those that are left out by default among them."""
        return {name: h for name, h in self.entry.hyperparameters.items() if h.traced}

    @property
    def knobs(self) -> dict[str, Hyperparameter]:
        """Those of them that are to change something: all but what its decorator says is for something else."""
        return {name: h for name, h in self.scalars.items() if name not in self.traits.get("same_value", {})}

    def having(self, **settings: Any) -> Self:
        """Return it with other values of some hyperparameters."""
        return replace(self, settings={**self.settings, **settings})

    def takes(self, **settings: Any) -> bool:
        """Tell whether it takes these values beside the others."""
        try:
            self.entry.check({**self.settings, **settings})
        except PadlError:
            return False
        return True

    def made(self, **settings: Any) -> str:
        """The expression that makes it, as code."""
        values = {**self.settings, **settings}
        written = [f"{name}={value!r}" for name, value in values.items()]
        return f"{', '.join([self.call, *written])})".replace("(, ", "(")

    def case(self, *lines: str, imports: str = "import jax, jax.numpy as jnp") -> str:
        """Write lines as code that runs."""
        return "\n".join([imports, self.code, *lines])


def other_numbers(item: CheckedItem, name: str) -> list[float]:
    """Values of a number that it takes and that are not its own, the likeliest to matter first."""
    h, now = item.entry.hyperparameters[name], item.settings.get(name, item.entry.hyperparameters[name].default)
    near = [2 * now, now / 2, 1.1 * now] if isinstance(now, (int, float)) else []
    proposed = [*(h.domain.search or ()), *near, 0.5, 2.0, 1.0, 0.0, 3.0, 10.0]
    finite = dict.fromkeys(float(x) for x in proposed if np.isfinite(x) and x != now)
    return [x for x in finite if item.takes(**{name: x})]


def refuse_constants(item: CheckedItem) -> None:
    """Raise `Failure` where a hyperparameter is a float and no `Scalar`, so that each value is a program of its own."""
    for h in item.entry.hyperparameters.values():
        if h.annotation is float:
            code = item.case("import inspect", f"print(inspect.signature({item.made()}).parameters[{h.name!r}])")
            raise Failure(f"{h.name} is annotated float: say padl.types.Scalar, or each value is a program", code)


def apart(one: PyTree, other: PyTree) -> float:
    """The largest difference of two trees, as a share of the largest number where that is above 1; NaN equals NaN."""
    worst = 0.0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        a, b = np.asarray(a, float), np.asarray(b, float)
        if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return np.inf
        finite = np.isfinite(a)
        scale = max(1.0, float(np.max(np.abs(b[finite]), initial=0)))
        worst = max(worst, float(np.max(np.abs(a - b)[finite], initial=0)) / scale)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return np.inf
    return worst


def differ(one: PyTree, other: PyTree) -> bool:
    """Tell whether two trees are apart in any bit of a number, or in a shape."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return not all(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True) for a, b in pairs)
