"""A model as checks see it: as a task trains it, on the first shape of inputs that it takes. CheckedModel."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from padl.conformance.checked_item import CheckedItem
from padl.conformance.checks import NotRun
from padl.tasks.supervised import ModelPredictor
from padl.types import PadlError, PyTree

SHAPES = ((6, 6, 1), (6, 8, 1), (16, 4), (5,))  # of an input: an image, a line, frames, features
ROWS, OUTPUTS = 4, 3


@dataclass(frozen=True, eq=False)
class CheckedModel(CheckedItem):
    """A model that is put through checks."""

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The first shape of inputs that it is built for."""
        refused = ""
        for shape in SHAPES:
            try:
                jax.eval_shape(lambda shape=shape: self._predictor(shape).init(jax.random.key(0), self.numbers))
            except PadlError as error:
                refused = str(error)
                continue
            return shape
        raise NotRun(f"it takes inputs of none of these shapes: {', '.join(map(str, SHAPES))} ({refused})")

    def _predictor(self, shape: tuple[int, ...], frames: bool = False, dtype: Any = "float32") -> ModelPredictor:
        return ModelPredictor(self.choice, shape, OUTPUTS, dtype, frames=frames)

    @cached_property
    def inputs(self) -> jax.Array:
        """A batch of inputs, (rows, ...)."""
        return jax.random.normal(jax.random.key(1), (ROWS, *self.shape))

    def outputs(
        self,
        arrays: tuple[PyTree, PyTree],
        numbers: Mapping[str, Any],
        x: jax.Array,
        key: Any = None,
        dtype: Any = "float32",
    ) -> jax.Array:
        """What it gives for inputs, of (parameters, the rest of its state); `key` of a training step."""
        ones = (1,) * x.ndim
        stats = {"mean": jnp.zeros(ones), "std": jnp.ones(ones)}
        return self._predictor(self.shape, self.gives_frames, dtype)(*arrays, numbers, x, stats, key)[0]

    def init(self, seed: Any, numbers: Mapping[str, Any]) -> tuple[PyTree, PyTree]:
        """Parameters and the rest of its state, of a seed."""
        return self._predictor(self.shape).init(jax.random.key(seed), numbers)

    def roles(self) -> Mapping[str, Any]:
        """What each parameter is, by its name."""
        return self._predictor(self.shape).roles(self.arrays)

    def refusal(self, frames: bool) -> str:
        """Why its outputs are not those that a task wants: one for each of its frames, or for the input; "" if so."""
        predictor, ones = self._predictor(self.shape, frames), (1,) * (1 + len(self.shape))
        stats = {"mean": jnp.zeros(ones), "std": jnp.ones(ones)}

        def call(x: jax.Array) -> Any:
            return predictor(*self.init(0, self.arrays), self.arrays, x, stats)

        try:
            jax.eval_shape(call, self.inputs)
        except PadlError as error:
            return str(error)
        return ""

    @cached_property
    def gives_frames(self) -> bool:
        """Whether it gives a row of outputs for each frame of an input."""
        refused = self.refusal(frames=False)
        if refused and self.refusal(frames=True):
            raise NotRun(refused)
        return bool(refused)

    def measured(self, seed: int = 0, key: int = 0, **numbers: float) -> PyTree:
        """What it gives of a seed, a key and values of its numbers, and its gradient; one program for all of them."""
        at = (seed, key, *sorted(numbers.items()))
        if at not in self._found:
            arrays = {**self.arrays, **{name: jnp.float32(x) for name, x in numbers.items()}}
            self._found[at] = jax.device_get(self._program(seed, jax.random.key(key), arrays, self.inputs))
        return self._found[at]

    @cached_property
    def _found(self) -> dict[Any, PyTree]:
        return {}

    @cached_property
    def _program(self) -> Any:
        return jax.jit(self._measure, compiler_options={"xla_allow_excess_precision": False})  # half stays half

    def _measure(self, seed: Any, key: Any, numbers: Mapping[str, Any], x: jax.Array) -> PyTree:
        arrays, again = self.init(seed, numbers), self.init(seed, numbers)
        waves = lambda params: jnp.sin(self.outputs((params, arrays[1]), numbers, x)).sum()  # noqa: E731
        return {
            "params": arrays[0],
            "params again": again[0],
            "model_state": arrays[1],
            "outputs": self.outputs(arrays, numbers, x),
            "outputs again": self.outputs(arrays, numbers, x),
            "of one row": self.outputs(arrays, numbers, x[:1]),
            "with a key": self.outputs(arrays, numbers, x, key),
            "with it again": self.outputs(arrays, numbers, x, key),
            "in half": self.outputs(arrays, numbers, x, None, "bfloat16"),
            "gradient": jax.grad(waves)(arrays[0]),
        }

    def with_number(self, name: str, value: float) -> "CheckedModel":
        """It with a number that it leaves out by default; itself where it has it."""
        if name in self.numbers:
            return self
        return self._turned_on.setdefault(name, self.having(**{name: value}))

    @cached_property
    def _turned_on(self) -> dict[str, "CheckedModel"]:
        return {}

    def shown(self, *lines: str, **settings: float) -> str:
        """Write a case: lines on a `model` and inputs `x`."""
        return self.case(
            f"model = {self.made(**settings)}({self.shape}, {OUTPUTS}, rngs=nnx.Rngs(0))",
            f"x = jax.random.normal(jax.random.key(1), {(ROWS, *self.shape)})", *lines,
            imports="import jax, jax.numpy as jnp\nfrom flax import nnx",
        )  # fmt: skip
