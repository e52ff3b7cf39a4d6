"""What a field of text looks like: a number, one that is written for readers, a date, nothing. looks_like, pattern."""

import math
import re
from typing import NamedTuple

MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "?", "-", "--"})  # in small letters
EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
PLAIN = rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+){EXPONENT}"  # a number; RE2 reads it too
CURRENCY = r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD)\b)"
INFINITE, DATE, CODE, UNIT, SEPARATED = (
    "an infinity",
    "a date or a time",
    "a code, or a number with underscores",
    "an amount with its unit",
    "a number with separators",
)
_DIGITS = r"[0-9][0-9.,'\u2019\u00a0\u202f ]*"
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz?|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?"
)

is_plain = re.compile(PLAIN).fullmatch
is_grouped = re.compile(
    r"[+-]?[0-9]{1,3}(?:[,.'\u2019\u00a0\u202f ][0-9]{2,3})*[,.'\u2019\u00a0\u202f ][0-9]{3}"
).fullmatch
_is_infinite = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE).fullmatch
_has_unit = re.compile(rf"[+-]?{CURRENCY}\s?[+-]?{_DIGITS}|[+-]?{_DIGITS}\s?(?:{CURRENCY}|%)").fullmatch
_is_separated = re.compile(rf"[+-]?(?:{_DIGITS}|[.,][0-9]+){EXPONENT}").fullmatch
_is_underscored = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)+(?:\.[0-9]*)?").fullmatch
_is_date = re.compile(
    r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))(?:[T ].*)?"
    rf"|{_MONTH}[ -][0-9]{{1,4}}(?:,? [0-9]{{4}}|-[0-9]{{2,4}})?"
    rf"|[0-9]{{1,2}}\.?[ -]?{_MONTH}(?:[ -]?[0-9]{{2,4}})?"
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[ap]m)?",
    re.IGNORECASE,
).fullmatch


class NumberFormat(NamedTuple):
    """How numbers are written.

    Attributes:
        decimal: "." or ",". thousands: the sign between groups of digits, "" for none.
        na: what means that there is no value, in every column; in columns of numbers and dates MISSING does too.
    """

    decimal: str = "."
    thousands: str = ""
    na: tuple[str, ...] = ()


PLAIN_NUMBERS = NumberFormat()


def looks_like(text: str) -> str:
    """Say what a text looks like that is neither a plain number nor a word: "" for a word."""
    if _is_infinite(text) or (is_plain(text) and math.isinf(float(text))):
        return INFINITE
    if _is_date(text):
        return DATE
    if _is_underscored(text):
        return CODE
    if _has_unit(text):
        return UNIT
    return SEPARATED if _is_separated(text) and (not is_plain(text) or is_grouped(text)) else ""


def pattern(form: NumberFormat, decimal: str) -> str:
    """The pattern of a number with this decimal sign, in groups of digits or not, for RE2."""
    point, group = re.escape(decimal), re.escape(form.thousands)
    grouped = rf"|[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}(?:{point}[0-9]*)?" if group else ""
    return rf"[+-]?(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+{grouped}){EXPONENT}"
