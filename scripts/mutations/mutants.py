"""Mistakes put into PADL's own rules, one at a time: what people get wrong when they write an optimizer. mutants_of."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SWAPPED = {"b1": "b2", "b2": "b1"}
FUNCTIONS = {"sqrt": None, "square": None, "abs": None, "sign": None, "maximum": "minimum", "minimum": "maximum"}
DECORATOR = "optimizer"


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        rule: the name of the optimizer. file, line: where. operator: which kind of mistake. before, after: the code.
        index: of the node, in the order of `ast.walk`.
    """

    rule: str
    file: Path
    line: int
    operator: str
    before: str
    after: str
    index: int

    def module(self) -> ast.Module:
        """Make the tree of the whole file with the mistake in it."""
        module = ast.parse(self.file.read_text(encoding="utf-8"))
        node = list(ast.walk(module))[self.index]
        changed = OPERATORS[self.operator](node)
        assert changed is not None
        _replace(module, node, changed)
        return ast.fix_missing_locations(module)

    def __str__(self) -> str:
        return f"{self.rule} ({self.file.name}:{self.line}) {self.operator}: {self.before} -> {self.after}"


Change = Callable[[Any], ast.AST | None]  # of a node; None where it is none for it


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Put every mistake there is a place for into the optimizers of a file, one at a time."""
    source = ast.parse(file.read_text(encoding="utf-8"))
    owners = _owners(source)
    for index, node in enumerate(ast.walk(source)):
        rule = owners.get(id(node))
        for operator, change in OPERATORS.items() if rule else ():
            changed = change(node)
            if rule and changed is not None and (before := ast.unparse(node)) != (after := ast.unparse(changed)):
                yield Mutant(rule, file, getattr(node, "lineno", 0), operator, before, after, index)


def _owners(module: ast.Module) -> dict[int, str]:
    """The optimizer to which each node belongs: its own function's, or the first that calls the function."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    rules = [name for name, node in functions.items() if _is_rule(node)]
    owners: dict[int, str] = {}
    for rule in rules:
        reached, todo = set(), [rule]
        while todo:
            name = todo.pop()
            if name in reached or (name != rule and name in rules):
                continue
            reached.add(name)
            nodes = [
                each
                for statement in functions[name].body[_docstring(functions[name]) :]
                for each in ast.walk(statement)
            ]
            for each in nodes:
                owners.setdefault(id(each), rule)
            todo += [each.id for each in nodes if isinstance(each, ast.Name) and each.id in functions]
    return owners


def _is_rule(function: ast.FunctionDef) -> bool:
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id == DECORATOR for call in calls)


def _docstring(function: ast.FunctionDef) -> int:
    return int(ast.get_docstring(function) is not None)


def _replace(module: ast.Module, old: ast.AST, new: ast.AST) -> None:
    """Put a node in the place of another."""
    for parent in ast.walk(module):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list) and any(each is old for each in value):
                value[:] = [new if each is old else each for each in value]
                return


def swap_betas(node: Any) -> ast.AST | None:
    """β₁ for β₂ in one place."""
    is_beta = isinstance(node, ast.Name) and node.id in SWAPPED and isinstance(node.ctx, ast.Load)
    return ast.Name(SWAPPED[node.id], ast.Load()) if is_beta else None


def drop_correction(node: Any) -> ast.AST | None:
    """m for m / (1 - βᵗ)."""
    is_quotient = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    return node.left if is_quotient and _has_power(node.right) else None


def _has_power(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow) and _names(each.right) for each in ast.walk(node)
    )


def _names(node: ast.AST) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def move_eps(node: Any) -> ast.AST | None:
    """√(v + ε) for √v + ε."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _names(node.right) == ["eps"]):
        return None
    root = node.left
    if not (isinstance(root, ast.Call) and ast.unparse(root.func).endswith("sqrt")):
        return None
    return ast.Call(root.func, [ast.BinOp(root.args[0], ast.Add(), node.right)], [])


def flip_sign(node: Any) -> ast.AST | None:
    """Minus for plus, plus for minus, and no minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    return None


def exchange_operator(node: Any) -> ast.AST | None:
    """A quotient for a product, and a product for a quotient."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return ast.BinOp(node.left, ast.Div() if isinstance(node.op, ast.Mult) else ast.Mult(), node.right)
    return None


def shift_step(node: Any) -> ast.AST | None:
    """t - 1 for t."""
    is_step = isinstance(node, ast.Name) and node.id == "t" and isinstance(node.ctx, ast.Load)
    return ast.BinOp(ast.Name("t", ast.Load()), ast.Sub(), ast.Constant(1)) if is_step else None


def stale_state(node: Any) -> ast.AST | None:
    """A new slot that is the old one, in the state that a rule returns: State(m, v) with s.m for m."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
        return None
    last = node.args[-1]
    if not node.func.id[0].isupper() or node.func.id in ("Decay", "Domain") or not isinstance(last, ast.Name):
        return None
    old = ast.Attribute(ast.Name("s", ast.Load()), last.id, ast.Load())
    return ast.Call(node.func, [*node.args[:-1], old], node.keywords)


def forget_decay(node: Any) -> ast.AST | None:
    """No weight decay."""
    is_decay = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Decay"
    return ast.Call(node.func, [ast.Constant(0.0), *node.args[1:]], node.keywords) if is_decay else None


def drop_function(node: Any) -> ast.AST | None:
    """v for √v, g for g², for |g| and for sign(g); the least for the largest."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS):
        return None
    other = FUNCTIONS[node.func.attr]
    return (
        node.args[0]
        if other is None
        else ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
    )


def drop_power(node: Any) -> ast.AST | None:
    """g for g²."""
    is_power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant)
    return node.left if is_power else None


def drop_transpose(node: Any) -> ast.AST | None:
    """X for Xᵀ."""
    return node.value if isinstance(node, ast.Attribute) and node.attr == "T" else None


def turn_axis(node: Any) -> ast.AST | None:
    """The other axis."""
    if (
        isinstance(node, ast.keyword)
        and node.arg == "axis"
        and isinstance(node.value, ast.Constant)
        and node.value.value in (0, 1)
    ):
        return ast.keyword("axis", ast.Constant(1 - node.value.value))
    return None


def forget_complement(node: Any) -> ast.AST | None:
    """β for 1 - β."""
    is_difference = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    if is_difference and isinstance(node.left, ast.Constant) and node.left.value == 1:
        return node.right if isinstance(node.right, ast.Name) else None
    return None


OPERATORS: dict[str, Change] = {
    each.__name__: each
    for each in (
        swap_betas, drop_correction, move_eps, flip_sign, exchange_operator, shift_step, stale_state, forget_decay,
        drop_function, drop_power, drop_transpose, turn_axis, forget_complement,
    )
}  # fmt: skip
