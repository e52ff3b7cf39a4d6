"""An optimizer as checks see it: how it is made of numbers, and the courses it takes. CheckedOptimizer, Course.

One program of a few steps serves all checks of a rule: losses, numbers, the state it begins with are arguments.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padl.conformance.checks import place_of
from padl.conformance.problems import HEADS, LOGITS, SMALLER, START, Stream, loss_of
from padl.nested import without
from padl.optimizers.transformation import Transformation, needs_of, readout_of
from padl.roles import ParameterRole
from padl.rule_errors import shown_kind
from padl.types import DOMAINS, Domain, PyTree, one_line

Roles = Mapping[str, ParameterRole]
Split = Callable[[Mapping[str, Any]], tuple[Callable[..., Any], dict[str, Any]]]
MODEL_STATE, RATE, DECAY = "model_state", "learning_rate", "weight_decay"


class Course(NamedTuple):
    """Where some steps lead: trees of float64 or float32 NumPy arrays.

    Attributes:
        path: parameters after each step. judged: what is read out there. updates: of each step. Leading axis: steps.
        params, state: at the end.
    """

    path: PyTree
    judged: PyTree
    updates: PyTree
    params: PyTree
    state: PyTree


@dataclass(frozen=True, eq=False)
class CheckedOptimizer:
    """An optimizer that is put through checks.

    Attributes:
        label: as it was asked for. split: {hyperparameter: value} -> (what makes it of numbers, these numbers), with
            defaults for what is left out. domains: of the numbers. code: Python that imports what `call` needs. call:
            what makes it, up to its bracket: "padl.optimizer('lion'". traits: what its decorator says. annotated:
            whether it says which of its arguments are data. stated: numbers that code of it always states, since they
            are not the defaults of what `call` calls.
        start: the parameters that checks begin at. roles: of these, for what takes them; None infers them.
    """

    label: str
    split: Split
    domains: Mapping[str, Domain]
    code: str
    call: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    annotated: bool = True
    stated: Mapping[str, float] = field(default_factory=dict)
    start: PyTree = field(default_factory=lambda: START)
    roles: Roles | None = None

    @cached_property
    def _defaults(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return self.split({})

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers that are data, at their defaults; of an optimizer within it a dict."""
        return self._defaults[1]

    @property
    def own_numbers(self) -> dict[str, float]:
        """Those of its own."""
        return {name: x for name, x in self.numbers.items() if not isinstance(x, Mapping)}

    @property
    def takes_roles(self) -> bool:
        """Whether it asks for the roles of parameters."""
        return bool(getattr(self._defaults[0], "wants_roles", False))

    @cached_property
    def needs(self) -> frozenset[str]:
        """What it reads beside gradient, state and parameters; where it declares nothing, the least it works with."""
        tx = self.made()
        if isinstance(tx, Transformation):
            return needs_of(tx)
        takes = sorted(needs_of(tx))
        sets = (frozenset(c) for count in range(len(takes) + 1) for c in combinations(takes, count))
        return next(filter(self.works_with, sets), frozenset())

    def works_with(self, needs: Collection[str]) -> bool:
        """Whether an update can be traced that is given this beside gradient, state and parameters, and no more."""
        return self.error_with(needs) is None

    def error_with(self, needs: Collection[str]) -> Exception | None:
        """What tracing such an update raises."""
        tx = self.made()
        params = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.float32), self.start)
        given = lambda p, g: {need: x for need, x in self.bowl_extras(p, g).items() if need in needs}  # noqa: E731
        step = lambda g, s, p: tx.update(g, s, p, **given(p, g))  # noqa: E731
        try:
            jax.eval_shape(step, params, jax.eval_shape(tx.init, params), params)
        except Exception as error:  # a stranger's code
            return error
        return None

    def made(self, numbers: Mapping[str, Any] | None = None) -> optax.GradientTransformationExtraArgs:
        """Make it of numbers, the defaults for those left out."""
        roles = {"roles": self.roles} if self.roles is not None and self.takes_roles else {}
        return optax.with_extra_args_support(self._defaults[0](**{**self.numbers, **(numbers or {})}, **roles))

    def chosen(self, **values: Any) -> "CheckedOptimizer":
        """Return it with other values of some hyperparameters, as its defaults."""
        return replace(self, split=lambda more: self.split({**values, **more}))

    def scheduled(self, schedule: Callable[[Any], Any]) -> "CheckedOptimizer":
        """Return it with a schedule of the step count as its learning rate, which is then no number of it."""

        def split(values: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
            make, numbers = self.split(values)
            return partial(make, **{RATE: schedule}), without(numbers, RATE)

        return replace(self, split=split)

    def at(self, start: PyTree, roles: Roles | None = None) -> "CheckedOptimizer":
        """Return it with other parameters to begin at."""
        return replace(self, start=start, roles=roles)

    @property
    def smaller(self) -> Iterable["CheckedOptimizer"]:
        """It with fewer parameters to begin at, from the fewest on."""
        return (self.at(start) for start in SMALLER if self.start is START)

    @cached_property
    def usual(self) -> "CheckedOptimizer":
        """It at parameters of the form that it takes: of what reads attention logits those of heads."""
        return self.at(HEADS) if self.is_for_heads and self.start is START else self

    @property
    def is_for_heads(self) -> bool:
        """Whether it reads what a model keeps, and so is for models with attention alone."""
        return MODEL_STATE in self.needs

    def still(self, **numbers: float) -> dict[str, float]:
        """Return numbers, without a weight decay of its own."""
        return {**({DECAY: 0.0} if DECAY in self.own_numbers else {}), **numbers}

    def by_itself(self, tree: PyTree) -> PyTree:
        """Leave out of a tree of arrays those that another optimizer within it moves, with numbers of its own."""
        return without(tree, "bias") if len(self.own_numbers) < len(self.numbers) and "kernel" in tree else tree

    def extras(self, f: Callable[[PyTree], jax.Array], params: PyTree, grads: PyTree, key: jax.Array) -> dict[str, Any]:
        """What an update is given beside gradients, state and parameters, as a run gives it."""
        every = {"value": f(params), "value_fn": f, "grad": grads, "grad_fn": jax.grad(f), "key": key}
        return every | {MODEL_STATE: jax.tree.map(jnp.asarray, LOGITS)}

    def bowl_extras(self, params: PyTree, grads: PyTree, key: Any = None) -> dict[str, Any]:
        """What an update is given beside gradients, state and parameters, of one bowl."""
        f = loss_of(jax.tree.map(lambda p: jnp.zeros((), jnp.result_type(p)), params), 1.0)
        return self.extras(f, params, grads, jax.random.key(0) if key is None else key)

    def told(self, tx: Any, params: PyTree, grads: PyTree, key: Any = None) -> dict[str, Any]:
        """What it needs beside gradients, state and parameters, of one bowl."""
        return self.needed_by(tx, self.bowl_extras(params, grads, key))

    def needed_by(self, tx: Any, extras: Mapping[str, Any]) -> dict[str, Any]:
        """What of `extras` an update of a transformation is given; of one that declares nothing, what `needs` found."""
        needs = needs_of(tx) if isinstance(tx, Transformation) else self.needs
        return {need: x for need, x in extras.items() if need in needs}

    def update(self, tx: Any, grads: PyTree, state: PyTree, params: PyTree, key: Any = None) -> tuple[PyTree, PyTree]:
        """Make one update as a run does, of one bowl."""
        return tx.update(grads, state, params, **self.told(tx, params, grads, key))

    @cached_property
    def unusable(self) -> str:
        """Why not even one update can be made, in a line; "" where one can."""
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), self.usual.start)
        try:
            tx = self.usual.made()
            returned = self.update(tx, params, tx.init(params), params)
        except Exception as error:  # a stranger's code
            return f"{one_line(error)}{place_of(error)}"
        if not isinstance(returned, tuple) or len(returned) != 2:
            return f"update returns (updates, state), and not {shown_kind(returned)}"
        updates, expected = (jax.tree.map(jnp.shape, tree) for tree in (returned[0], params))
        return "" if updates == expected else f"its updates are {updates} for parameters {expected}"

    def course(
        self,
        stream: Stream,
        numbers: Mapping[str, Any] | None = None,
        *,
        start: PyTree = None,
        state: PyTree = None,
        seed: int = 0,
        dtype: Any = np.float64,
    ) -> Course:
        """Follow a stream of losses.

        Args:
            numbers: the defaults for those left out. start: the parameters to begin at. state: to begin with; the first
                one where it is left out. seed: of random numbers. dtype: of parameters and losses, and of all it is
                computed in.
        """
        with jax.enable_x64(dtype == np.float64):
            as_array = lambda tree: jax.tree.map(lambda x: jnp.asarray(x, dtype), tree)  # noqa: E731
            numbers = as_array({**self.numbers, **(numbers or {})})
            params = as_array(self.start if start is None else start)
            if state is None:
                state = self.programs[0](numbers, params)
            key = jax.random.key(seed)
            rows, params, state = self.programs[1](numbers, params, state, *as_array(stream), key)
            (path, judged, updates), params = jax.device_get((rows, params))
            return Course(path, judged, updates, params, state)

    @cached_property
    def programs(self) -> tuple[Any, Any]:
        """The first state of parameters, and the course from there; compiled for a form of parameters, and a dtype."""

        def first(numbers: Any, params: PyTree) -> PyTree:
            return self.made(numbers).init(params)

        def run(numbers: Any, params: PyTree, state: PyTree, c: PyTree, a: Any, key: jax.Array) -> Any:
            tx = self.made(numbers)

            def step(carry: Any, of_step: Any) -> Any:
                (params, state), (c, a, key) = carry, of_step
                f = loss_of(c, a)
                grads = jax.grad(f)(params)
                updates, state = tx.update(
                    grads, state, params, **self.needed_by(tx, self.extras(f, params, grads, key))
                )
                params = optax.apply_updates(params, updates)
                return (params, state), (params, readout_of(tx)(state, params), updates)

            (params, state), rows = jax.lax.scan(step, (params, state), (c, a, jax.random.split(key, len(a))))
            return rows, params, state

        return jax.jit(first), jax.jit(run)


def domain_of(name: str) -> Domain:
    """Return the domain of a word, any number's where PADL has none."""
    return DOMAINS.get(name, Domain())


def distance(one: PyTree, other: PyTree) -> float:
    """Return the largest difference of two trees in any number; infinite where one of them is not finite."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = [float(np.max(np.abs(np.subtract(a, b, dtype=float)), initial=0)) for a, b in pairs]
    return max((d if np.isfinite(d) else np.inf for d in apart), default=0.0)


def size(tree: PyTree) -> float:
    """Return the largest number of a tree, without its sign."""
    return distance(tree, jax.tree.map(np.zeros_like, tree))


def at_step(tree: PyTree, k: int) -> PyTree:
    """Return what a tree with a leading axis of steps is at one of them."""
    return jax.tree.map(lambda x: x[k], tree)


def first_move(updates: PyTree) -> int:
    """Return the first step at which updates move anything; 0 where none does."""
    steps = len(next(iter(jax.tree.leaves(updates))))
    return next((k for k in range(steps) if size(at_step(updates, k))), 0)


def is_finite(tree: PyTree) -> bool:
    """Tell whether all numbers of a tree are."""
    return all(
        bool(np.isfinite(x).all()) for x in jax.tree.leaves(tree) if np.issubdtype(np.asarray(x).dtype, np.inexact)
    )
