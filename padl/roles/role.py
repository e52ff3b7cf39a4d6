"""What a parameter is, and what its axes are. ParameterRole, usual, declare, fitted, parameter_name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args

import jax

from padl.errors import PadlError, near

Role = Literal["matrix", "embedding", "head", "convolution", "norm", "bias", "other"]
Source = Literal["declared", "layer", "inferred"]
ROLES: tuple[Role, ...] = get_args(Role)
MAPS = ("matrix", "embedding", "head", "convolution")  # linear maps: they have axes of inputs and of outputs
METADATA = "role"  # under which a Variable keeps what a layer declares

V = TypeVar("V")


@dataclass(frozen=True)
class ParameterRole:
    """What a parameter is. Hashable, and a leaf of JAX's trees: a tree of roles has the structure of its parameters.

    Each axis of the array is named once, but for "other", which may leave all of them out. Axes count from 0.

    Attributes:
        role: "matrix" (of a hidden layer), "embedding" (a row for each token), "head" (the linear map that gives a
            model's outputs), "convolution" (a kernel), "norm" (a scale or an offset of a normalisation), "bias",
            "other".
        inputs, outputs: axes that the map sums over, and those that it gives. All axes of a bias and of a norm that
            are not stacked are outputs.
        stacked: axes along which independent parameters lie: scanned layers, experts, a batch axis of a layer.
        source: "declared" by who made it, "layer" where a known layer of Flax owns it, "inferred" from name and shape.
        parts: how many maps of one size a linear map holds, one after the other along its outputs: 3 of a kernel that
            gives query, key and value. Rules for matrices take each for itself; axes that are `stacked` do too.

    Raises:
        PadlError: no such role, an axis that is negative or named twice, a linear map without inputs or outputs, no
            whole number of parts, or parts of what is no linear map.
    """

    role: Role
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    stacked: tuple[int, ...] = ()
    source: Source = "declared"
    parts: int = 1

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise PadlError(f"no role {self.role!r}{near(str(self.role), ROLES)} (roles: {', '.join(ROLES)})")
        for name in ("inputs", "outputs", "stacked"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        whole = all(isinstance(axis, int) and axis >= 0 for axis in self.axes)
        if not whole or len({*self.axes}) < len(self.axes):
            raise PadlError(f"{self}: each axis is a whole number from 0, and is named once")
        if self.role in MAPS and not (self.inputs and self.outputs):
            raise PadlError(f"{self}: a role '{self.role}' has an axis of inputs and one of outputs")
        if not isinstance(self.parts, int) or self.parts < 1 or (self.parts > 1 and self.role not in MAPS):
            raise PadlError(
                f"{self}: parts={self.parts} is to be a whole number from 1 on, and 1 of what is no linear map"
            )

    @property
    def axes(self) -> tuple[int, ...]:
        """All axes that are named."""
        return (*self.inputs, *self.outputs, *self.stacked)

    def moved(self, to: Sequence[int], stack: Sequence[int]) -> "ParameterRole":
        """Return the role of an array in which the axes stand elsewhere: axis i at `to[i]`, those of `stack` added."""
        inputs, outputs, stacked = (tuple(to[i] for i in axes) for axes in (self.inputs, self.outputs, self.stacked))
        return replace(self, inputs=inputs, outputs=outputs, stacked=tuple(sorted((*stack, *stacked))))

    def __str__(self) -> str:
        named = {"inputs": self.inputs, "outputs": self.outputs, "stacked": self.stacked}
        axes = [f"{name} {list(axes)}" for name, axes in named.items() if axes]
        return " ".join([self.role, *axes, *([f"parts {self.parts}"] if self.parts > 1 else [])])


OTHER = ParameterRole("other")


def usual(role: Role, ndim: int, source: Source = "declared", name: str = "the array") -> ParameterRole:
    """Return a role with the axes that arrays of JAX usually have: outputs last, inputs before them.

    A matrix, embedding or head is (..., inputs, outputs), a convolution (*window, inputs, outputs); what is before
    them is stacked. All axes of a norm and a bias are outputs, and "other" names none.

    Raises:
        PadlError: the array, by its `name`, has fewer axes than the role needs.
    """
    axes = tuple(range(ndim))
    if role in MAPS:
        if ndim < (least := 3 if role == "convolution" else 2):
            raise PadlError(f"a role '{role}' needs {least} axes or more, and {name} has {ndim}")
        first = 0 if role == "convolution" else ndim - 2
        return ParameterRole(role, axes[first:-1], axes[-1:], axes[:first], source)
    return ParameterRole(role, (), axes if role in ("norm", "bias") else (), (), source)


def declare(parameter: V, role: ParameterRole | Role) -> V:
    """Say what a parameter of a module is; `nnx.Param(value, role=ParameterRole(...))` says the same.

    >>> self.table = declare(nnx.Param(jnp.zeros((1000, 64))), "embedding")

    In a layer that `nnx.vmap` stacks, the axes are those of one layer.

    Args:
        parameter: an nnx.Variable. role: with its axes; a name stands for the `usual` ones.

    Returns:
        The parameter.

    Raises:
        PadlError: the axes are not those of the array.
    """
    variable: Any = parameter
    ndim = len(variable.shape)
    declared = role if isinstance(role, ParameterRole) else usual(role, ndim)
    if declared.role != "other" and len(declared.axes) < ndim:
        raise PadlError(f"role {declared}: the array has {ndim} axes, {list(variable.shape)}, and each is to be named")
    fitted(declared, variable.shape, "the parameter")
    variable.set_metadata(METADATA, declared)
    return parameter


def fitted(role: ParameterRole, shape: Sequence[int], name: str) -> ParameterRole:
    """Return what is declared of one layer's array for the array of a stack of layers, whose axes come first.

    Raises:
        PadlError: the role names an axis that the array does not have.
    """
    extra = 0 if role.role == "other" else len(shape) - len(role.axes)
    if extra < 0 or (role.axes and max(role.axes) + extra >= len(shape)):
        raise PadlError(f"role {role} of {name}: the array has {len(shape)} axes, {list(shape)}")
    return role.moved(range(extra, len(shape)), range(extra))


def parameter_name(path: Any) -> str:
    """Return the dotted name of a leaf by its path in a tree: `head.kernel`; of a state of flax.nnx too."""
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")
