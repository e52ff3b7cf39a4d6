"""A small grammar of formulas: parse("(x + y) * z") -> Expression, a list of steps, each of them one primitive of JAX.

sum      = product, (("+" | "-"), product)*
product  = unary, (("*" | "/"), unary)*
unary    = ("-" | "+")*, power
power    = atom, [("^" | "**"), unary]        from the right, and before the sign: -x^2 = -(x^2), 2^-x = 2^(-x)
atom     = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from padl.types import PadlError

LONGEST, DEEPEST, LARGEST_POWER = 10_000, 200, 1_000
SIGN = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[A-Za-zΑ-ω_][A-Za-zΑ-ω_0-9]*|\*\*|\S")
NAME = re.compile(r"[A-Za-zΑ-ω_][A-Za-zΑ-ω_0-9]*")
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}  # the sign of a number stands between, at 3
UNARY = 3
BINARY: Mapping[str, Callable] = {"+": lax.add, "-": lax.sub, "*": lax.mul, "/": lax.div, "^": lax.pow}
FUNCTIONS: Mapping[str, Callable] = {
    "exp": lax.exp,
    "log": lax.log,
    "sin": lax.sin,
    "cos": lax.cos,
    "tan": lax.tan,
    "tanh": lax.tanh,
    "sigmoid": lax.logistic,
    "sqrt": lax.sqrt,
    "abs": lax.abs,
    "square": lax.square,
    "max": lax.max,
    "min": lax.min,
}
OPERANDS = dict.fromkeys([*FUNCTIONS, "relu", "softplus"], 1) | {"max": 2, "min": 2}
Reference = float | str | int  # a number itself, a variable's name, or the index of the step that computes it


class Step(NamedTuple):
    """One operation: a function of jax.lax, what it is given, and the part of the formula that it computes."""

    function: Callable
    operands: tuple[Reference, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Expression:
    """A formula that has been read; call it with one number for each of `names`, in their order.

    Attributes:
        text: as it was written. names: its variables, in the order in which they first appear.
        steps: its operations in the order of evaluation. A trace of the call has one equation for each of them, in this
            order, so that `steps[i].text`, "x + y", is the i-th one's label. Numbers are constants in the equations.
        result: what it comes to: the index of a step, a name or a number.
    """

    text: str
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    result: Reference

    def __call__(self, *values: Any) -> Any:
        """The value, in the dtype of the values; they are scalars of floating point, all of one dtype."""
        given = [v if hasattr(v, "dtype") else jnp.asarray(v, float) for v in values]
        dtype = jnp.result_type(*given) if given else jnp.result_type(float)
        known = dict(zip(self.names, given, strict=True))
        computed: list[Any] = []

        def look_up(reference: Reference) -> Any:
            if isinstance(reference, str):
                return known[reference]
            return computed[reference] if isinstance(reference, int) else np.asarray(reference, dtype)[()]

        for step in self.steps:
            computed += [step.function(*map(look_up, step.operands))]
        return look_up(self.result)

    def arguments(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The values in the order of `names`; PadlError where one is missing, is not used or is no variable's name."""
        for name in values:
            _check_variable(name, self)
        missing = [name for name in self.names if name not in values]
        if missing:
            given = " ".join(f"{name}=1" for name in missing)
            raise PadlError(f"no value for {', '.join(missing)} in '{_excerpt(self.text)}': add {given}")
        return tuple(values[name] for name in self.names)


def parse(text: str) -> Expression:
    """Read a formula; PadlError, in one line with the place marked, where it is none.

    Variables are Latin or Greek letters, digits and `_`. Known are the constants pi and e, and the functions exp log
    sin cos tan tanh sigmoid relu sqrt abs square softplus max(a, b) min(a, b).
    """
    if not text.strip():
        raise PadlError("the expression is empty: write one as '(x + y) * z'")
    if len(text) > LONGEST:
        raise PadlError(f"the expression is {len(text):,} signs long, over {LONGEST:,}: write it as a JAX function")
    parser = _Parser(text)
    whole = parser.sum()
    if parser.sign:
        raise parser.error(_after(parser, whole))
    return Expression(text, tuple(parser.names), tuple(parser.steps), whole.reference)


class _Part(NamedTuple):
    """A piece of the text, text[start:end], and what it comes to."""

    reference: Reference
    start: int
    end: int


class _Parser:
    """Reads from the left, one sign ahead, and writes down each operation as soon as its operands are known."""

    def __init__(self, text: str):
        self.text = text
        self.names: dict[str, None] = {}
        self.steps: list[Step] = []
        self.depth = 0
        self.end = 0  # of the sign before
        self.start = 0
        self.sign = ""  # "" at the end
        self._advance()

    def _advance(self) -> str:
        """Step over a sign, and return it."""
        passed, self.end = self.sign, self.start + len(self.sign)
        found = SIGN.search(self.text, self.end)
        self.start, self.sign = (found.start(), found.group()) if found else (len(self.text), "")
        return passed

    def error(self, message: str, at: int | None = None) -> PadlError:
        """`"x + * y", column 5: expected …:  x + ▸* y`."""
        place = self.start if at is None else at
        marked = f"{_excerpt(self.text[:place], last=True)}▸{_excerpt(self.text[place:])}"
        return PadlError(f'"{_excerpt(self.text)}", column {place + 1}: {message}:  {marked}')

    def sum(self, least: int = 1) -> _Part:
        """Operands with operations between them that bind at least so much."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"nested more than {DEEPEST} deep")
        left = self._operand()
        while (sign := "^" if self.sign == "**" else self.sign) in BINDING and BINDING[sign] >= least:
            self._advance()
            right = self.sum(BINDING[sign] + (sign != "^"))
            left = self._binary(sign, left, right)
        self.depth -= 1
        return left

    def _operand(self) -> _Part:
        start, sign = self.start, self.sign
        if sign in ("-", "+"):
            return self._signed()
        if sign == "(":
            self._advance()
            inner = self.sum()
            self._close(start, inner)
            return _Part(inner.reference, start, self.end)
        if re.match(r"\.?[0-9]", sign):
            return self._number()
        if NAME.fullmatch(sign):
            return self._call() if sign in OPERANDS or self._is_called() else self._name()
        found = f"found '{sign}'" if sign else "the text ends"
        raise self.error(f"expected a number, a name or '(', {found}")

    def _signed(self) -> _Part:
        start, sign = self.start, self._advance()
        inner = self.sum(UNARY)
        if sign == "+":
            return inner._replace(start=start)
        if isinstance(inner.reference, float):
            return _Part(-inner.reference, start, inner.end)
        return self._emit(lax.neg, (inner.reference,), start, inner.end)

    def _number(self) -> _Part:
        start, number = self.start, float(self.sign)
        if math.isinf(number):
            raise self.error("too large a number")
        written = self._advance()
        if NAME.match(self.sign) and self.start == self.end:
            raise self.error(f"no sign between a number and a name; write {written} * {self.sign}", start)
        return _Part(number, start, self.end)

    def _name(self) -> _Part:
        start, name = self.start, self._advance()
        if name in CONSTANTS:
            return _Part(CONSTANTS[name], start, self.end)
        self.names[name] = None
        return _Part(name, start, self.end)

    def _is_called(self) -> bool:
        return self.text[self.start + len(self.sign) :].lstrip().startswith("(")

    def _call(self) -> _Part:
        start, name = self.start, self.sign
        if name not in OPERANDS:
            raise self.error(_unknown(name))
        self._advance()
        opened = self.start
        if self.sign != "(":
            raise self.error(f"{name} is a function; write {name}({', '.join('ab'[: OPERANDS[name]])})", start)
        given: list[_Part] = []
        while self.sign == "(" if not given else self.sign == ",":
            self._advance()
            given.append(self.sum())
        self._close(opened, given[-1])
        if len(given) != OPERANDS[name]:
            needs = f"{OPERANDS[name]} operand{'s' * (OPERANDS[name] > 1)}"
            raise self.error(f"{name} takes {needs}, not {len(given)}", start)
        return self._apply(name, [part.reference for part in given], start)

    def _apply(self, name: str, given: list[Reference], start: int) -> _Part:
        if name == "relu":
            return self._emit(lax.max, (given[0], 0.0), start, self.end)
        if name == "softplus":
            return self._softplus(given[0], start)
        return self._emit(FUNCTIONS[name], tuple(given), start, self.end)

    def _softplus(self, x: Reference, start: int) -> _Part:
        """log(1 + exp(x)) as max(x, 0) + log1p(exp(min(x, -x))): it does not overflow, and its slope at 0 is 1/2."""
        inside = self.text[start : self.end].partition("(")[2][:-1].strip()
        minus = self._emit(lax.neg, (x,), start, self.end, f"-({inside})").reference
        part = self._emit(lax.min, (x, minus), start, self.end, f"min({inside}, -({inside}))")
        for function, name in ((lax.exp, "exp"), (lax.log1p, "log1p")):
            part = self._emit(function, (part.reference,), start, self.end, f"{name}({self.steps[-1].text})")
        largest = self._emit(lax.max, (x, 0.0), start, self.end, f"max({inside}, 0)")
        return self._emit(lax.add, (largest.reference, part.reference), start, self.end)

    def _binary(self, sign: str, left: _Part, right: _Part) -> _Part:
        power = right.reference
        if sign == "^" and isinstance(power, float) and power.is_integer() and abs(power) <= LARGEST_POWER:
            return self._emit(partial(lax.integer_pow, y=int(power)), (left.reference,), left.start, right.end)
        return self._emit(BINARY[sign], (left.reference, power), left.start, right.end)

    def _emit(self, function: Callable, operands: tuple, start: int, end: int, text: str | None = None) -> _Part:
        written = " ".join((text or self.text[start:end]).split())
        self.steps.append(Step(function, operands, written))
        return _Part(len(self.steps) - 1, start, end)

    def _close(self, opened: int, inner: _Part) -> None:
        if not self.sign:
            raise self.error("this '(' is never closed", opened)
        if self.sign != ")":
            raise self.error(_after(self, inner))
        self._advance()


def _after(parser: _Parser, before: _Part) -> str:
    """What is wrong with a sign that cannot follow an operand."""
    if parser.sign == ")":
        return "this ')' closes nothing; leave it out"
    if parser.sign == "(" or NAME.match(parser.sign) or re.match(r"\.?[0-9]", parser.sign):
        written = parser.text[before.start : before.end] if before.end - before.start < 20 else "…"
        return f"expected an operation before '{parser.sign}'; for a product write {written} * {parser.sign}"
    if parser.sign == "=":
        return "an expression has no '='; write only what is to be computed"
    return f"expected one of + - * / ^, found '{parser.sign}'"


def _check_variable(name: str, expression: Expression) -> None:
    if name in OPERANDS or name in CONSTANTS:
        kind = "a function" if name in OPERANDS else "a constant"
        raise PadlError(f"'{name}' is {kind} of the grammar, so no variable: call it another name")
    if name not in expression.names:
        known = ", ".join(expression.names) or "none"
        raise PadlError(
            f"'{_excerpt(expression.text)}' has no variable '{name}'{_near(name, expression.names)} (it has: {known})"
        )


def _unknown(name: str) -> str:
    near = _near(name, OPERANDS)
    known = "" if near else f"; known are {', '.join(OPERANDS)}"
    return f"no function '{name}'{near}{known}"


def _near(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _excerpt(text: str, last: bool = False, most: int = 40) -> str:
    """At most 40 signs of a text, from its beginning or its end, in one line."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    if len(shown) <= most:
        return shown
    return f"…{shown[-most:]}" if last else f"{shown[:most]}…"
