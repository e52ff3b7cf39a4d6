"""Read the roles of a flax.nnx module's parameters from what its layers declare, and from the layers of Flax. roles_of.

A layer of Flax knows the shape of its arrays. Where an array has more axes than that, as under `nnx.vmap`, the layer is
stacked along those. Where it has another shape, the layer is no longer what its class says, and nothing is read from
it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import jax
from flax import nnx

from padl.roles.inference import LAST_LAYERS, infer, named, words
from padl.roles.role import METADATA, ROLES, ParameterRole, fitted, parameter_name, usual


class Own(NamedTuple):
    """What one layer says of one of its parameters.

    Attributes:
        shape: of a single layer's array, None for a size that it does not know. role: with the axes of that array.
    """

    shape: Sequence[int | None]
    role: ParameterRole


def roles_of(module: nnx.Module, outputs: int | None = None) -> dict[str, ParameterRole]:
    """Return what each nnx.Param of a module is, by its dotted name, as the engine trains it.

    What is declared goes first, then what the layer is that owns the parameter, then what its name says. Heads of
    attention are no stack: the kernel of a query, (inputs, heads, features), is one matrix.

    Args:
        module: its arrays may be shapes only, as `nnx.eval_shape` gives them.
        outputs: how many numbers it gives. Where nothing is declared a head, the only matrix with so many outputs is
            taken for it, or of several that of a layer called so; without `outputs`, any of a layer called so. Its
            source is then "inferred".

    Raises:
        PadlError: a parameter is declared with axes that its array does not have.
    """
    state = nnx.state(module, nnx.Param)
    params = {parameter_name(path): leaf for path, leaf in jax.tree.flatten_with_path(state)[0]}
    guesses = infer(params)
    variables = {".".join(map(str, path)): (path, variable) for path, variable in nnx.to_flat_state(state)}
    roles = {}
    for name, array in params.items():
        path, variable = variables.get(name, ((), None))
        read = None if variable is None else _declared(variable, array.shape, name) or _of_layer(module, path, array)
        roles[name] = read or guesses[name]
    return {**roles, **_heads(roles, params, outputs)}


def _declared(variable: Any, shape: Sequence[int], name: str) -> ParameterRole | None:
    """What a variable declares; None where it declares nothing, or has something else under that word."""
    said = variable.get_metadata().get(METADATA)
    if isinstance(said, str) and said in ROLES:
        return usual(said, len(shape), name=name)
    return fitted(said, shape, name) if isinstance(said, ParameterRole) else None


def _of_layer(module: Any, path: Sequence[Any], array: Any) -> ParameterRole | None:
    """What the layer of Flax says that owns a parameter; None for another owner, or an array that it did not make."""
    owner: Any = module
    for key in path[:-1]:
        is_container = isinstance(owner, (Mapping, Sequence, nnx.List))
        owner = owner[key] if is_container else getattr(owner, str(key), None)
    reader = next((read for layer, read in LAYERS if isinstance(owner, layer)), None)
    try:
        own = {} if reader is None else dict(reader(owner))
    except AttributeError:  # a stranger's subclass that does not keep what its base keeps
        own = {}
    return None if path[-1] not in own else _stacked(own[path[-1]], tuple(array.shape))


def _stacked(own: Own, shape: tuple[int, ...]) -> ParameterRole | None:
    """The role of an array of this shape; of the axes that may be those of a stack the first are taken."""
    every = range(len(shape))
    for stack in combinations(every, max(len(shape) - len(own.shape), 0)):
        rest = [axis for axis in every if axis not in stack]
        sizes = [shape[axis] for axis in rest]
        if len(rest) == len(own.shape) and all(k in (None, n) for k, n in zip(own.shape, sizes, strict=True)):
            return own.role.moved(rest, stack)
    return None


def _heads(
    roles: Mapping[str, ParameterRole], params: Mapping[str, Any], outputs: int | None
) -> dict[str, ParameterRole]:
    """The matrices of Flax's layers that are taken for a model's head, as such; see `roles_of`."""
    if any(role.role == "head" for role in roles.values()):
        return {}
    matrices = [name for name, role in roles.items() if (role.role, role.source) == ("matrix", "layer")]
    gives = lambda name: math.prod(params[name].shape[axis] for axis in roles[name].outputs)  # noqa: E731
    fits = [name for name in matrices if not roles[name].stacked and outputs in (None, gives(name))]
    called = [name for name in fits if words(_layer_name(name)) & LAST_LAYERS]
    chosen = called or (fits if outputs is not None and len(fits) == 1 else [])
    return {name: replace(roles[name], role="head", source="inferred") for name in chosen}


def _layer_name(name: str) -> str:
    """The attribute that holds the layer of a parameter: `head` of `head.kernel`, also of `classifier.0.kernel`."""
    components = name.split(".")
    return next((components[i] for i in reversed(named(name)) if i < len(components) - 1), "")


# The layers of Flax: each reader gives (name of the parameter, what it is).

Reader = Callable[[Any], Iterator[tuple[str, Own]]]


def _bias(*shape: int | None, batch: int = 0) -> tuple[str, Own]:
    axes = tuple(range(len(shape)))
    return "bias", Own(shape, ParameterRole("bias", (), axes[batch:], axes[:batch], "layer"))


def _kernel(shape: Sequence[int | None], inputs: int, batch: int = 0) -> tuple[str, Own]:
    """A kernel of axes of a batch, then so many of inputs, then outputs."""
    axes = tuple(range(len(shape)))
    role = ParameterRole("matrix", axes[batch : batch + inputs], axes[batch + inputs :], axes[:batch], "layer")
    return "kernel", Own(shape, role)


def _linear(layer: Any) -> Iterator[tuple[str, Own]]:
    yield _kernel((layer.in_features, layer.out_features), 1)
    yield _bias(layer.out_features)


def _linear_general(layer: Any) -> Iterator[tuple[str, Own]]:
    batch = tuple(layer.batch_axis.values())
    inputs, outputs = tuple(layer.in_features), tuple(layer.out_features)
    if inputs and outputs:
        yield _kernel((*batch, *inputs, *outputs), len(inputs), len(batch))
    yield _bias(*batch, *outputs, batch=len(batch))


def _einsum(layer: Any) -> Iterator[tuple[str, Own]]:
    """Letters of the kernel that inputs and result share are a stack, those of the result alone are outputs."""
    operands, _, result = (layer.einsum_str or "").partition("->")
    inputs, _, kernel = operands.partition(",")
    if not kernel or "." in kernel:
        return  # it is given as the layer is called, or says nothing of some axes
    found = {letter: "stack" if letter in inputs else "output" for letter in kernel if letter in result}
    axes_in = lambda letters, kind: tuple(i for i, a in enumerate(letters) if found.get(a, "input") == kind)  # noqa: E731
    if axes_in(kernel, "input") and axes_in(kernel, "output"):
        axes = (axes_in(kernel, kind) for kind in ("input", "output", "stack"))
        yield "kernel", Own(layer.kernel_shape, ParameterRole("matrix", *axes, source="layer"))
    bias = [letter for letter in result if letter in kernel]
    if layer.bias_shape is not None and len(layer.bias_shape) == len(bias):
        role = ParameterRole("bias", (), axes_in(bias, "output"), axes_in(bias, "stack"), "layer")
        yield "bias", Own(layer.bias_shape, role)


def _conv(layer: Any) -> Iterator[tuple[str, Own]]:
    axes = tuple(range(len(layer.kernel_shape)))
    turned = getattr(layer, "transpose_kernel", False)  # then it is (*window, outputs, inputs)
    output = axes[-2 if turned else -1]
    inputs = tuple(axis for axis in axes if axis != output)
    yield "kernel", Own(layer.kernel_shape, ParameterRole("convolution", inputs, (output,), (), "layer"))
    yield _bias(layer.out_features)


def _embed(layer: Any) -> Iterator[tuple[str, Own]]:
    yield "embedding", Own((layer.num_embeddings, layer.features), usual("embedding", 2, "layer"))


def _norm(layer: Any) -> Iterator[tuple[str, Own]]:
    features = getattr(layer, "num_features", None)  # a group norm does not keep it
    for name in ("scale", "bias"):
        yield name, Own((features,), usual("norm", 1, "layer"))


def _prelu(layer: Any) -> Iterator[tuple[str, Own]]:
    yield "negative_slope", Own((), usual("other", 0, "layer"))


def _lora(layer: Any) -> Iterator[tuple[str, Own]]:
    yield "lora_a", Own((layer.in_features, None), usual("matrix", 2, "layer"))
    yield "lora_b", Own((None, layer.out_features), usual("matrix", 2, "layer"))


LAYERS: tuple[tuple[Any, Reader], ...] = (
    (nnx.Linear, _linear),
    (nnx.LinearGeneral, _linear_general),
    (nnx.Einsum, _einsum),
    ((nnx.Conv, nnx.ConvTranspose), _conv),
    (nnx.Embed, _embed),
    ((nnx.LayerNorm, nnx.RMSNorm, nnx.BatchNorm, nnx.GroupNorm, nnx.InstanceNorm), _norm),
    (nnx.PReLU, _prelu),
    (nnx.LoRA, _lora),
)
