"""Make a model of PADL's of a class, a function or an instance from Python. builder, Builder, Stored.

A class, or a function that builds an nnx.Module, is given the sizes of the task where its signature asks for them: the
argument called like a shape gets the shape of one input, one called like channels its last axis, and the first other
one the number of inputs, which are then flattened. An instance is copied as it is, its parameters are the first ones.
"""

import hashlib
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from padl.app.objects.signatures import Adapted, hyperparameters_of, parameters_of
from padl.registry import Hyperparameter
from padl.types import Key, PadlError, one_line

Gets = Literal["shape", "channels", "size"]
OUTPUTS = ("outputs", "out", "dout", "out_dim", "out_features", "n_out", "nout", "classes", "num_classes", "n_classes")
INPUTS = ("inputs", "in", "din", "in_dim", "in_features", "n_in", "nin", "input_size", "features_in", "num_inputs")
FRAMEWORKS = {
    "torch": "PyTorch's",
    "equinox": "Equinox's",
    "keras": "Keras's",
    "flax.linen": "of flax.linen: wrap it in a function that returns flax.nnx.bridge.ToNNX(...), initialised",
}


@dataclass(frozen=True, eq=False)
class Builder(Adapted):
    """A model of PADL's, `(shape, outputs, *, rngs, **hyperparameters) -> nnx.Module`, by a class or function.

    Attributes:
        made_of: the class or function. inputs: the argument that the inputs' size goes to, "" where none does.
        gets: what that is. outputs: the argument that the number of outputs goes to, "" where none does.
    """

    inputs: str
    gets: Gets
    outputs: str

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return inspect.getdoc(self.made_of)

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """The other arguments."""
        return hyperparameters_of(self.made_of, leave_out=(self.inputs, self.outputs, "rngs"))

    def __call__(self, shape: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs, **hyperparameters: Any) -> nnx.Module:
        """Build the module.

        Raises:
            PadlError: something else than an nnx.Module was built.
        """
        size = {"shape": shape, "channels": shape[-1] if shape else 1, "size": math.prod(shape)}[self.gets]
        arguments = {self.inputs: size, self.outputs: outputs, **hyperparameters}
        arguments.pop("", None)
        parameters = parameters_of(self.made_of)
        if "rngs" in parameters:
            arguments["rngs"] = rngs
        unnamed = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and name in arguments]
        module = self.made_of(*[arguments.pop(name) for name in unnamed], **arguments)
        if not isinstance(module, nnx.Module):
            raise PadlError(f"model={self.__name__} built {_kind_of(module)}, and a model is an nnx.Module")
        return module

    def call(self, module: nnx.Module, inputs: jax.Array, key: Key | None) -> jax.Array:
        """Call a module that it built, on flattened inputs where it was given their size."""
        flat = inputs.reshape(inputs.shape[0], -1) if self.inputs and self.gets == "size" else inputs
        return _called(module, flat, key)


@dataclass(frozen=True, eq=False)
class Stored(Adapted):
    """A model with the parameters that an instance has. Two of the same content are equal, and share a program.

    Attributes:
        made_of: the class of the instance. graph, state: of it. digest: of all its numbers.
    """

    graph: Any
    state: Any
    digest: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stored) and (self.graph, self.digest) == (other.graph, other.digest)

    def __hash__(self) -> int:
        return hash((self.graph, self.digest))

    def __call__(self, shape: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> nnx.Module:
        """Copy the instance."""
        return nnx.merge(self.graph, jax.tree.map(jnp.asarray, self.state), copy=True)

    def call(self, module: nnx.Module, inputs: jax.Array, key: Key | None) -> jax.Array:
        """Call a copy."""
        return _called(module, inputs, key)


def builder(thing: Any) -> Builder | Stored:
    """Make a model of a class, function or instance.

    Raises:
        PadlError: it is something else, or its signature does not say which arguments are sizes.
    """
    if isinstance(thing, (Builder, Stored)):
        return thing
    if isinstance(thing, nnx.Module):
        return _stored(thing)
    is_class = inspect.isclass(thing)
    if not callable(thing) or (is_class and not issubclass(thing, nnx.Module)) or _foreign(thing):
        raise PadlError(
            f"model={_kind_of(thing)}: a model is an nnx.Module (a class, an instance), a function that builds one,"
            " or a name ('padl list model')"
        )
    return _builder(thing)


@lru_cache(maxsize=128)
def _builder(thing: Callable[..., Any]) -> Builder:
    """One for each class or function, so that equal runs share a program."""
    parameters = parameters_of(thing)
    named = {name.lower(): name for name in parameters}
    required = [name for name, p in parameters.items() if p.default is p.empty and name != "rngs"]
    outputs = next((named[word] for word in OUTPUTS if word in named), "")
    inputs = next((name for name in parameters if _gets(name) != "size"), "")
    inputs = inputs or next((named[word] for word in INPUTS if word in named), "")
    left = [name for name in required if name not in (inputs, outputs)]
    if not inputs and left and parameters[left[0]].kind is not inspect.Parameter.KEYWORD_ONLY:
        inputs = left.pop(0)
    if not outputs and left and parameters[left[0]].kind is not inspect.Parameter.KEYWORD_ONLY:
        outputs = left.pop(0)
    gets = _gets(inputs) if inputs else "size"
    return Builder(thing, inputs, gets, outputs)


def _gets(name: str) -> Gets:
    """What an argument of this name takes of the inputs."""
    if "shape" in name.lower():
        return "shape"
    if name.lower() in ("channels", "in_channels", "channels_in", "input_channels"):
        return "channels"
    return "size"


def _stored(module: nnx.Module) -> Stored:
    graph, state = nnx.split(module)
    state = jax.tree.map(_to_host, state)
    digest = hashlib.sha256()
    for path, leaf in jax.tree.flatten_with_path(state)[0]:
        content = numbers_of(leaf)
        digest.update(f"{path}{content.shape}{content.dtype}".encode() + content.tobytes())
    return Stored(type(module), graph, state, digest.hexdigest())


def numbers_of(leaf: Any) -> np.ndarray:
    """Return an array on the host; of a random key, what it is made of."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _to_host(leaf: Any) -> Any:
    return leaf if _is_key(leaf) else np.array(leaf)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _called(module: nnx.Module, inputs: jax.Array, key: Key | None) -> jax.Array:
    """Call a stranger's module in training or evaluation, as its layers and its signature want to be told."""
    module.eval() if key is None else module.train()
    told = {"key": key, "train": key is not None, "training": key is not None, "deterministic": key is None}
    arguments = inspect.signature(type(module).__call__).parameters
    extra = {name: value for name, value in told.items() if name in arguments}
    if "rngs" in arguments:
        extra["rngs"] = nnx.Rngs(jax.random.key(0) if key is None else key)
    try:
        outputs = module(inputs, **extra)  # pyright: ignore[reportCallIssue]
    except (TypeError, ValueError) as error:
        name = type(module).__name__
        raise PadlError(f"model '{name}' cannot be called with inputs {inputs.shape}: {one_line(error)}") from error
    if not isinstance(outputs, jax.Array):
        raise PadlError(f"model '{type(module).__name__}' gives {_kind_of(outputs)}, and not an array of outputs")
    return outputs[:, None] if outputs.ndim == 1 else outputs


def _foreign(thing: Any) -> str:
    """Whose module this is that PADL does not train, or nothing."""
    classes = inspect.getmro(thing if inspect.isclass(thing) else type(thing))
    homes = [cls.__module__ for cls in classes]
    return next((whose for home, whose in FRAMEWORKS.items() if any(f"{h}.".startswith(f"{home}.") for h in homes)), "")


def _kind_of(thing: Any) -> str:
    name = thing.__name__ if inspect.isclass(thing) else f"something of type {type(thing).__name__}"
    whose = _foreign(thing)
    return f"{name} ({whose})" if whose else name
