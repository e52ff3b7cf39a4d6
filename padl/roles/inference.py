"""Infer the roles of a plain tree of arrays from their names and shapes. infer.

A number of axes alone says nothing: (4, 8) may be a matrix, or the bias of four heads. Where a name does not say what
an array is, or its axes could be several things, it is "other".
"""

import re
from collections.abc import Mapping, Sequence

import jax

from padl.roles.role import ParameterRole, Role, parameter_name, usual
from padl.types import PyTree

WEIGHTS = {"kernel", "weight", "weights", "w", "wq", "wk", "wv", "wo"}
BIASES, SHIFTS = {"bias", "biases"}, {"beta", "offset", "shift"}
SCALES = {"scale", "gamma", "gain", "g"}
NORMS = {"ln", "bn", "gn"}  # and whatever ends in "norm"
EMBEDDINGS = {"embed", "embedding", "embeddings", "embedder", "wte", "wpe"}
HEADS = {"head", "readout", "unembed", "unembedding"}
LAST_LAYERS = HEADS | {"classifier", "logits"}  # of a layer, whose weights they are
PAIRS = (("kernel", "bias"), ("weight", "bias"), ("weights", "biases"), ("w", "b"), ("W", "b"))
Shape = tuple[int, ...]


def infer(params: PyTree) -> PyTree:
    """Infer what each array of a tree is from its name, that of the layer around it, and its shape.

    Args:
        params: nested dicts of arrays or of their shapes, or one dict with dotted names.

    Returns:
        A tree of `ParameterRole` of the structure of `params`, all with the source "inferred".
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    shapes = {parameter_name(path): tuple(getattr(leaf, "shape", ())) for path, leaf in leaves}
    return tree.unflatten([_inferred(name, shapes) for name in shapes])


def words(component: str) -> set[str]:
    """Return the words of a name, without its numbers: `LayerNorm_0` is layer and norm."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", component)
    return {word for word in re.split(r"[^a-z]+", spaced.lower()) if word}


def named(name: str) -> list[int]:
    """Return which components of a dotted name hold letters: `layers.0.w` is a `w` of `layers`."""
    return [i for i, component in enumerate(name.split(".")) if words(component)]


def _inferred(name: str, shapes: Mapping[str, Shape]) -> ParameterRole:
    shape, components = shapes[name], name.split(".")
    near = [words(components[i]) for i in named(name)[-2:]]
    own, layer = (near[-1] if near else set()), (near[-2] if len(near) > 1 else set())
    is_weight = bool(own & WEIGHTS)
    role = _of_vectors(own, own | layer, len(shape), _partner(name, shapes, 1, 0) is not None)
    if role == "other" and any(word.startswith("conv") for word in own | layer) and is_weight and len(shape) > 2:
        role = "convolution"
    elif role == "other" and _is_embedding(own, layer, shape):
        role = "embedding"
    elif role == "other" and len(shape) == 2 and (is_weight or own & HEADS):
        role = "head" if own & HEADS or layer & LAST_LAYERS else "matrix"
    return _turned(usual(role, len(shape), "inferred"), shape, _partner(name, shapes, 0, 1))


def _of_vectors(own: set[str], around: set[str], ndim: int, has_weight: bool) -> Role:
    """What is added or multiplied element by element: "bias", "norm", or "other" for what is neither.

    Args:
        own, around: words of the name; with those of the layer. has_weight: there are weights that it may belong to.
    """
    is_norm = any(word.endswith("norm") or word in NORMS for word in around)
    if own & BIASES or ("b" in own and has_weight) or (own & SHIFTS and is_norm):
        return "norm" if is_norm else "bias"
    if is_norm and (own & SCALES or ndim == 1):
        return "norm"
    return "norm" if own == {"scale"} and ndim == 1 else "other"


def _is_embedding(own: set[str], layer: set[str], shape: Shape) -> bool:
    """Whether it is a table (tokens, features), perhaps with an axis of 1 in front, as tables of positions have."""
    says_so = own & EMBEDDINGS or (layer & EMBEDDINGS and own & (WEIGHTS | {"table"}))
    return bool(says_so) and len(shape[1:] if shape[:1] == (1,) and len(shape) == 3 else shape) == 2


def _partner(name: str, shapes: Mapping[str, Shape], of: int, to: int) -> Shape | None:
    """The shape of the bias beside weights (0, 1), or of the weights beside a bias (1, 0); None where there is none."""
    components, places = name.split("."), named(name)
    for pair in PAIRS if places else ():
        place = places[-1]
        other = re.sub(rf"(?<![a-zA-Z]){pair[of]}(?![a-zA-Z])", pair[to], components[place])
        beside = ".".join([*components[:place], other, *components[place + 1 :]])
        if beside != name and beside in shapes:
            return shapes[beside]
    return None


def _turned(role: ParameterRole, shape: Shape, bias: Sequence[int] | None) -> ParameterRole:
    """The role of weights (outputs, inputs, ...), where the size of the bias says that outputs come first."""
    maps = role.role in ("matrix", "head", "convolution") and not role.stacked
    if not maps or bias is None or len(bias) != 1 or shape[-1] == bias[0] or shape[0] != bias[0]:
        return role
    return ParameterRole(role.role, tuple(range(1, len(shape))), (0,), (), role.source)
