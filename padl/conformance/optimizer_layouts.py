"""Checks of how the numbers of a parameter lie: a matrix and its transpose, a stack and its matrices."""

import numpy as np

from padl.conformance.cases import case
from padl.conformance.checked_optimizer import CheckedOptimizer, distance, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.problems import START, given
from padl.roles import ParameterRole
from padl.types import PyTree

TURNED = {"kernel": ParameterRole("matrix", inputs=(1,), outputs=(0,)), "bias": ParameterRole("bias", outputs=(0,))}
STACK = {"kernels": ParameterRole("matrix", inputs=(1,), outputs=(2,), stacked=(0,))}
APART = {str(k): ParameterRole("matrix", inputs=(0,), outputs=(1,)) for k in range(2)}


def _for_roles(rule: CheckedOptimizer) -> None:
    if not rule.takes_roles:
        raise NotForIt("it does not ask what axes are")
    if rule.is_for_heads or "key" in rule.needs:
        raise NotForIt("it knows its arrays by name")


def _differ(what: str, one: PyTree, other: PyTree, moves: PyTree, code: str) -> None:
    apart = distance(one, other)
    if not apart <= 1e-7 * size(moves):
        raise Failure(f"{what}: {apart:.2g} apart, of moves up to {size(moves):.2g}", code)


@check("optimizer", "contract")
def layout(rule: CheckedOptimizer) -> None:
    """A matrix stored the other way about, and declared so, is moved as it is."""
    _for_roles(rule)
    turned = lambda tree: {**tree, "kernel": np.swapaxes(tree["kernel"], -1, -2)}  # noqa: E731
    stream = given(START)
    usual = {"kernel": ParameterRole("matrix", inputs=(0,), outputs=(1,)), "bias": TURNED["bias"]}
    one = rule.at(START, usual).course(stream)
    other = rule.at(turned(START), TURNED).course(stream._replace(c=turned(stream.c)))
    code = case(rule, [START], {"roles": repr(TURNED)})
    _differ("a transposed matrix goes another way", one.path, turned(other.path), one.updates, _with_roles(code))


@check("optimizer", "contract")
def stack(rule: CheckedOptimizer) -> None:
    """Matrices in one array, declared as a stack, go where each goes alone."""
    _for_roles(rule)
    stacked = {"kernels": np.stack([START["kernel"], 0.5 - START["kernel"]])}
    apart = lambda tree: {str(k): np.moveaxis(tree["kernels"], -3, 0)[k] for k in range(2)}  # noqa: E731
    stream = given(stacked)
    one = rule.at(stacked, STACK).course(stream)
    other = rule.at(apart(stacked), APART).course(stream._replace(c=apart(stream.c)))
    code = case(rule.at(stacked), [stacked], {"roles": repr(STACK)})
    _differ("a stack goes another way than its matrices", apart(one.path), other.path, one.updates, _with_roles(code))


def _with_roles(code: str) -> str:
    return f"from padl.roles import ParameterRole\n{code}"
