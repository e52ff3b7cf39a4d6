"""Say what is wrong with a column, and which option settles it."""

import re
from typing import Any

from padl.data.table.kinds import Column
from padl.data.table.source_table import excerpt
from padl.data.table.spelling import CODE, DATE, FRAMED, INFINITE, UNIT, is_grouped

SIMPLE_NAME = re.compile(r"[^\W\d][\w .()/%-]*")  # needs no quotes in YAML
OPTION = re.compile(r"(?<!')\btask\.|'task\.(?:types|drop)=")  # and no column 'task.x'
PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def without_options(message: str) -> str:
    """A message to who predicts, for whom there are no options of the task: what is wrong alone."""
    message = message.removeprefix("task.path=")
    option = OPTION.search(message)
    end = max(message.rfind(sign, 0, option.start()) for sign in (": ", "; ")) if option else -1
    return message[:end] if end > 0 else message


def shown(text: str) -> str:
    """A field, as much of it as a message shows."""
    return excerpt([text])


def kind(name: str, kind: str) -> str:
    """The option that gives a column its kind."""
    if PLAIN_NAME.fullmatch(name):
        return f"task.types.{name}={kind}"
    key = name if SIMPLE_NAME.fullmatch(name) else rf"\"{name}\""
    return f"""'task.types="{{{key}: {kind}}}"'"""


def drop(name: str) -> str:
    """The option that leaves a column out."""
    return f"task.drop=[{name}]" if PLAIN_NAME.fullmatch(name) else f"""'task.drop=["{name}"]'"""


def unnamed(name: str) -> str:
    return f"{drop(name)} leaves it out, {kind(name, 'number')} or category takes it by its place"


def dates(name: str) -> str:
    return (
        ": task.dates=days reads dates as days since the first, task.dates=parts as year, month, day and weekday;"
        f" {kind(name, 'category')} takes them for categories, {drop(name)} leaves them out"
    )


def unread_dates(name: str) -> str:
    return (
        " or a time, in a form that is not read or leaves a doubt: write year-month-day, as 2021-03-01;"
        f" {kind(name, 'category')} takes them for categories, {drop(name)} leaves them out"
    )


def no_date(name: str, form: str | None) -> str:
    doubt = "and the others there are no dates of one form that leaves no doubt"
    wanted = f"is no date of the form {form}" if form else doubt
    return f"{wanted}: write year-month-day, as 2021-03-01, or {drop(name)} leaves the column out"


def spelling(place: Any, text: str, look: str) -> str:
    """How to go on where a text looks like something that is not read without being told to."""
    told, numbers = place.types.kinds.get(place.name), place.types.numbers
    others = "" if told else f"; {kind(place.name, 'category')} takes it for a category"
    others += f", {drop(place.name)} leaves the column out" if others else f"; {drop(place.name)} leaves the column out"
    if look == INFINITE:
        return f"no infinity can be trained on: task.na=[{text}] takes it for missing{others}"
    if look == UNIT and told is None:
        return f"{kind(place.name, 'number')} reads the number, where all are in one unit{others}"
    if look in (DATE, CODE, FRAMED):
        return others[2:]
    ways = _separators(text, numbers.decimal, numbers.thousands)
    if not ways:
        return mostly_numbers(place.name, text) if told is None else f"repair it, or task.na=['{shown(text)}']{others}"
    return f"{', '.join(ways)}{others}"


def _separators(text: str, decimal: str, thousands: str) -> list[str]:
    """The options that would read a number with separators."""
    signs = [sign for sign in ",.' \u2019\u00a0\u202f" if sign in text]
    ways, bare = [], re.sub(r"[^0-9,.]", "", text)
    if is_grouped(text) and not thousands:
        sign = next(s for s in reversed(text) if not s.isdigit())
        ways.append(f"task.thousands={_typed(sign)} reads {re.sub(r'[^0-9+-]', '', text)}")
    if bare.count(",") == 1 and "." not in bare and decimal != ",":
        ways.append(f"task.decimal=, reads {bare.replace(',', '.')}")
    if not ways and len(signs) == 2 and bare.rfind(",") > bare.rfind(".") >= 0:
        ways.append("task.decimal=, task.thousands=. reads a decimal comma and groups")
    elif not ways and len(signs) == 2 and 0 <= bare.rfind(",") < bare.find(".") and not thousands:
        ways.append("task.thousands=, reads its groups")
    return ways


def _typed(sign: str) -> str:
    return {" ": "space", "'": "apostrophe", "\u2019": "’", "\u00a0": "nbsp", "\u202f": "nnbsp"}.get(sign, sign)


def mostly_numbers(name: str, text: str) -> str:
    return (
        f"repair it, or task.na=['{shown(text)}'] takes it for missing, {kind(name, 'category')} takes all for"
        f" categories, {drop(name)} leaves the column out"
    )


def mixed(name: str, words: list[str]) -> str:
    """The options where numbers stand among words, which may all be one for nothing."""
    nothing = f"task.na=['{shown(words[0])}'] takes that for missing, " if len(words) == 1 else ""
    return f"{nothing}{kind(name, 'category')} takes all for categories, {drop(name)} leaves the column out"


def merged(name: str) -> str:
    return (
        "and others there are whole numbers too large to be told apart (float64 is exact up to 2^53):"
        f" {kind(name, 'category')} takes them as they are written, {kind(name, 'number')} rounds them,"
        f" {drop(name)} leaves the column out"
    )


def whole_dates(name: str) -> str:
    return (
        f"column '{name}' may hold dates, and is read as whole numbers: {kind(name, 'date')} reads 20210301 as"
        " 2021-03-01"
    )


def is_name(name: str, different: int, rows: int) -> str:
    return (
        f"column '{name}' holds {different} different texts in {rows} rows: a name or an id, no category:"
        f" {drop(name)} leaves it out, {kind(name, 'category')} takes it all the same"
    )


def no_value(column: Column) -> str:
    """Where a column has no value first."""
    rows, row = int(column.missing.sum()), int(column.missing.argmax()) + 1
    what = f"'{shown(column.empty)}', which stands for no value," if column.empty else "empty field"
    return f"{what} in column '{column.name}', row {row} of {len(column.values)} ({rows} such in all)"


def word_for_nothing(name: str, word: str) -> str:
    return f"'{word}' is one of the categories of column '{name}': task.na=['{word}'] takes it for missing"


def leading_zero(name: str) -> str:
    return (
        f"column '{name}' has numbers that begin with 0, as codes do, and is read as numbers:"
        f" {kind(name, 'category')} takes them for categories"
    )


def counter(name: str) -> str:
    return f"column '{name}' counts the rows, and is read as a feature: {drop(name)} leaves it out"
