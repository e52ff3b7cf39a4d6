"""What a field of text looks like: a number, one that is written for readers, a date, nothing.

looks_like: one text. around_numbers: all texts of a column. pattern: of a number.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

MISSING = frozenset({
    "", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "none", "?", "-", "--",
    "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan",
})  # fmt: skip  # in small letters
EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
PLAIN = rf"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+){EXPONENT}"  # a number; RE2 reads it too
CURRENCY = (
    r"(?:(?:\b[A-Z]{1,2})?[$\u00a2-\u00a5\u20a0-\u20c0]"
    r"|\b(?:USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|RUB|TRY|BRL|MXN|ZAR|KRW|kr|Rs)\b)"
)
INFINITE, DATE, CODE, UNIT, SEPARATED, FRAMED = (
    "an infinity",
    "a date or a time",
    "a code, or a number with underscores",
    "an amount with its unit",
    "a number with separators",
    "a number among signs that are not read",
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
_is_framed = re.compile(rf"([^\w\s+.,-]*)\s?[+-]?{_DIGITS}([^0-9]*)").fullmatch
_is_date = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])"
    r"|(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))(?:[T ].*)?"
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
    if _is_separated(text) and (not is_plain(text) or is_grouped(text)):
        return SEPARATED
    return FRAMED if _has_other_signs(text) else ""


def around_numbers(texts: Iterable[str]) -> tuple[str, str]:
    """Return what stands before and after the number in each text of a column, as ("", "kg"): ("", "") where nothing
    does, or not the same in all, or a text has no number. A name and a number, as k5, is no number among signs."""
    found = {match.groups() if (match := _is_framed(text)) else ("", "") for text in texts}
    before, after = found.pop() if len(found) == 1 else ("", "")
    return before, after.strip()


def is_unit(before: str, after: str) -> bool:
    """Tell whether what stands around numbers is a unit, as kg or ‰, and no sign that may change what they mean."""
    return not before and (after[:1].isalpha() or after in ("%", "‰", "°"))


def _has_other_signs(text: str) -> bool:
    """Tell whether a text is a number in digits of another script, with another minus, or with signs not to be seen."""
    shown = "".join(sign for sign in text if unicodedata.category(sign) != "Cf").replace("\u2212", "-")
    try:
        return not is_plain(text) and any(map(str.isdecimal, shown)) and math.isfinite(float(shown))
    except ValueError:
        return False


def pattern(form: NumberFormat, decimal: str) -> str:
    """The pattern of a number with this decimal sign, in groups of digits or not, for RE2."""
    point, group = re.escape(decimal), re.escape(form.thousands)
    grouped = rf"|[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}(?:{point}[0-9]*)?" if group else ""
    return rf"[+-]?(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+{grouped}){EXPONENT}"
