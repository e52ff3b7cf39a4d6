"""What a column can be, and what a user says of it. Column, Types."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from padl.data.table.spelling import PLAIN_NUMBERS, NumberFormat

Kind = Literal["number", "category", "date"]
ToldKind = Literal["number", "category", "date", "drop"]
DatesAs = Literal["refuse", "days", "parts"]


@dataclass(frozen=True, eq=False)
class Column:
    """A column of one kind.

    Attributes:
        values: (n,). number: float64, NaN where there is none; category: int64 places in `categories`, -1 where there
            is none; date: datetime64[us], NaT where there is none.
        categories: the different texts, sorted. unit: what stood with every number, as "$" or "%". form: of the dates.
        empty: what stands in the first row without a value. notes: lines that a reader wants to know.
    """

    name: str
    kind: Kind
    values: np.ndarray
    categories: tuple[str, ...] = ()
    unit: str = ""
    form: str = ""
    empty: str = ""
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
        """Where there is no value, bool (n,)."""
        if self.kind == "category":
            return self.values < 0
        return np.isnat(self.values) if self.kind == "date" else np.isnan(self.values)

    def of_rows(self, kept: np.ndarray) -> "Column":
        """Keep the rows where a mask is True, and the categories that they have."""
        values = self.values[kept]
        if self.kind != "category":
            return replace(self, values=values)
        used = np.unique(values[values >= 0])
        places = np.where(values < 0, -1, np.searchsorted(used, values))
        return replace(self, values=places, categories=tuple(self.categories[i] for i in used))

    @property
    def texts(self) -> np.ndarray:
        """The categories of the rows, which must all have one, as texts (n,)."""
        return np.array(self.categories, dtype=str)[self.values]


class Types(NamedTuple):
    """What a user says of the columns.

    Attributes:
        kinds: of columns; the others find theirs. numbers: how they are written.
        dates: "refuse": a column that holds dates, and is not told to, is refused.
        forms: of dates, for columns that are known to have one.
    """

    kinds: Mapping[str, ToldKind] = {}
    numbers: NumberFormat = PLAIN_NUMBERS
    dates: DatesAs = "refuse"
    forms: Mapping[str, str] = {}
