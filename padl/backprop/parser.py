"""Formulas read from text, by precedence climbing. parse("(x + y) * z") -> Expression.

sum      = product, (("+" | "-"), product)*
product  = unary, (("*" | "/"), unary)*
unary    = ("-" | "+")*, power
power    = atom, [("^" | "**"), unary]        from the right, and before the sign: -x^2 = -(x^2), 2^-x = 2^(-x)
atom     = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

Python's own parser, `ast.parse`, does not serve: it binds `^` looser than `+`, has messages for programmers, and its
recursion ends at a sum of a thousand terms.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from jax import lax

from padl.backprop.expression import (
    CONSTANTS,
    FUNCTIONS,
    OPERANDS,
    Expression,
    Operation,
    Reference,
    excerpt,
)
from padl.errors import near
from padl.types import PadlError

LONGEST, DEEPEST, LARGEST_POWER = 10_000, 200, 1_000  # characters; levels of nesting; exponent of an integer_pow
TOKEN = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[A-Za-zΑ-ω_][A-Za-zΑ-ω_0-9]*|\*\*|\S")
NAME = re.compile(r"[A-Za-zΑ-ω_][A-Za-zΑ-ω_0-9]*")
NUMBER = re.compile(r"\.?[0-9]")  # how one begins
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
SIGN_PRECEDENCE = 3  # of -x
BINARY: Mapping[str, Callable] = {"+": lax.add, "-": lax.sub, "*": lax.mul, "/": lax.div, "^": lax.pow}


def parse(text: str) -> Expression:
    """Read a formula.

    Variables are Latin or Greek letters, digits and `_`. There are the constants pi and e, and the functions exp log
    sin cos tan tanh sigmoid relu sqrt abs square softplus max(a, b) min(a, b).

    Raises:
        PadlError: the text is no formula, in one line with the place marked; it has over 10,000 characters, is nested
            more than 200 deep, or has a number too large for float64.
    """
    if not text.strip():
        raise PadlError("the expression is empty: write one as '(x + y) * z'")
    if len(text) > LONGEST:
        raise PadlError(f"the expression is {len(text):,} signs long, over {LONGEST:,}: write it as a JAX function")
    parser = _Parser(text)
    term = parser.expression()
    if parser.token:
        raise parser.error(parser.unexpected_after(term))
    return Expression(text, tuple(parser.names), tuple(parser.operations), term.reference)


class _Term(NamedTuple):
    """A part of the text, text[start:end], and what it comes to."""

    reference: Reference
    start: int
    end: int


class _Parser:
    """Reads from the left, one token ahead, and writes down each operation once its operands are read."""

    def __init__(self, text: str):
        self.text = text
        self.names: dict[str, None] = {}  # in the order of their first use
        self.operations: list[Operation] = []
        self.depth = 0
        self.previous_end = 0
        self.start = 0
        self.token = ""  # "" at the end of the text
        self._advance()

    def expression(self, precedence: int = 1) -> _Term:
        """Read operands, and the operations between them that bind at least so tightly."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"nested more than {DEEPEST} deep")
        left = self._operand()
        while (sign := "^" if self.token == "**" else self.token) in PRECEDENCE and PRECEDENCE[sign] >= precedence:
            self._advance()
            right = self.expression(PRECEDENCE[sign] + (sign != "^"))  # a power is right-associative
            left = self._binary(sign, left, right)
        self.depth -= 1
        return left

    def error(self, message: str, at: int | None = None) -> PadlError:
        """Make an error of this kind: `"x + * y", column 5: expected …:  x + ▸* y`."""
        place = self.start if at is None else at
        marked = f"{excerpt(self.text[:place], last=True)}▸{excerpt(self.text[place:])}"
        return PadlError(f'"{excerpt(self.text)}", column {place + 1}: {message}:  {marked}')

    def unexpected_after(self, term: _Term) -> str:
        """Say what is wrong with a token that cannot follow a term."""
        if self.token == ")":
            return "this ')' closes nothing; leave it out"
        if self.token == "(" or NAME.match(self.token) or NUMBER.match(self.token):
            factor = self.text[term.start : term.end] if term.end - term.start < 20 else "…"
            return f"expected an operation before '{self.token}'; for a product write {factor} * {self.token}"
        if self.token == "=":
            return "an expression has no '='; write only what is to be computed"
        return f"expected one of + - * / ^, found '{self.token}'"

    def _advance(self) -> str:
        """Go on to the next token, and return this one."""
        token, self.previous_end = self.token, self.start + len(self.token)
        match = TOKEN.search(self.text, self.previous_end)
        self.start, self.token = (match.start(), match.group()) if match else (len(self.text), "")
        return token

    def _operand(self) -> _Term:
        if self.token in ("-", "+"):
            return self._signed()
        if self.token == "(":
            start = self.start
            self._advance()
            inner = self.expression()
            self._close(start, inner)
            return _Term(inner.reference, start, self.previous_end)
        if NUMBER.match(self.token):
            return self._number()
        if NAME.fullmatch(self.token):
            return self._call() if self.token in OPERANDS or self._is_called() else self._name()
        instead = f"found '{self.token}'" if self.token else "the text ends"
        raise self.error(f"expected a number, a name or '(', {instead}")

    def _signed(self) -> _Term:
        start, sign = self.start, self._advance()
        inner = self.expression(SIGN_PRECEDENCE)
        if sign == "+":
            return inner._replace(start=start)
        if isinstance(inner.reference, float):
            return _Term(-inner.reference, start, inner.end)
        return self._emit(lax.neg, (inner.reference,), start, inner.end)

    def _number(self) -> _Term:
        start, value = self.start, float(self.token)
        if math.isinf(value):
            raise self.error("too large a number")
        digits = self._advance()
        if NAME.match(self.token) and self.start == self.previous_end:
            raise self.error(f"no sign between a number and a name; write {digits} * {self.token}", start)
        return _Term(value, start, self.previous_end)

    def _name(self) -> _Term:
        start, name = self.start, self._advance()
        if name in CONSTANTS:
            return _Term(CONSTANTS[name], start, self.previous_end)
        self.names[name] = None
        return _Term(name, start, self.previous_end)

    def _is_called(self) -> bool:
        return self.text[self.start + len(self.token) :].lstrip().startswith("(")

    def _call(self) -> _Term:
        start, name = self.start, self.token
        if name not in OPERANDS:
            raise self.error(_unknown_function(name))
        self._advance()
        bracket = self.start
        if self.token != "(":
            raise self.error(f"{name} is a function; write {name}({', '.join('ab'[: OPERANDS[name]])})", start)
        operands: list[_Term] = []
        while self.token == "(" if not operands else self.token == ",":
            self._advance()
            operands.append(self.expression())
        self._close(bracket, operands[-1])
        if len(operands) != OPERANDS[name]:
            needs = f"{OPERANDS[name]} operand{'s' * (OPERANDS[name] > 1)}"
            raise self.error(f"{name} takes {needs}, not {len(operands)}", start)
        return self._apply(name, tuple(operand.reference for operand in operands), start)

    def _close(self, bracket: int, inner: _Term) -> None:
        if not self.token:
            raise self.error("this '(' is never closed", bracket)
        if self.token != ")":
            raise self.error(self.unexpected_after(inner))
        self._advance()

    def _apply(self, name: str, operands: tuple[Reference, ...], start: int) -> _Term:
        if name == "softplus":
            return self._softplus(*operands, start=start)
        return self._emit(FUNCTIONS[name], operands, start, self.previous_end)

    def _softplus(self, x: Reference, start: int) -> _Term:
        """log(1 + exp(x)) as max(x, 0) + log1p(exp(min(x, -x))): it does not overflow, and its slope at 0 is 1/2."""
        end = self.previous_end
        inside = self.text[start:end].partition("(")[2][:-1].strip()
        minus = self._emit(lax.neg, (x,), start, end, f"-({inside})").reference
        small = self._emit(lax.min, (x, minus), start, end, f"min({inside}, -({inside}))").reference
        for function, name in ((lax.exp, "exp"), (lax.log1p, "log1p")):
            small = self._emit(function, (small,), start, end, f"{name}({self.operations[-1].text})").reference
        large = self._emit(lax.max, (x, 0.0), start, end, f"max({inside}, 0)").reference
        return self._emit(lax.add, (large, small), start, end)

    def _binary(self, sign: str, left: _Term, right: _Term) -> _Term:
        power = right.reference
        if sign == "^" and isinstance(power, float) and power.is_integer() and abs(power) <= LARGEST_POWER:
            return self._emit(partial(lax.integer_pow, y=int(power)), (left.reference,), left.start, right.end)
        return self._emit(BINARY[sign], (left.reference, power), left.start, right.end)

    def _emit(self, function: Callable, operands: tuple, start: int, end: int, text: str | None = None) -> _Term:
        """Write down an operation; its text is that part of the formula, if no other is given."""
        one_line = " ".join((text or self.text[start:end]).split())
        self.operations.append(Operation(function, operands, one_line))
        return _Term(len(self.operations) - 1, start, end)


def _unknown_function(name: str) -> str:
    advice = near(name, OPERANDS)
    return f"no function '{name}'{advice or '; known are ' + ', '.join(OPERANDS)}"
