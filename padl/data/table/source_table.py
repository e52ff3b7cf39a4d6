"""Columns as they were read, before they have a kind. Table."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from padl.types import PadlError

EXCERPT = 80  # signs of a file that a message shows: it may be one that was never meant to be a table


class Table(NamedTuple):
    """Named columns of equal length.

    Attributes:
        names: of the columns, printable, each once. columns: an Arrow array for each; of text where a text was read.
        where: the table's name in a message. notes: lines on how it was read that its reader wants to know.
        unnamed: those of the names that the table did not have: they are called by their place.
        form: what is known of the file, for the records: its format, delimiter, encoding.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    where: str
    notes: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()
    form: Mapping[str, Any] = MappingProxyType({})

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> Any:
        """Return the Arrow array of a column; PadlError where there is none of this name."""
        if name not in self.names:
            raise PadlError(f"{self.where} has no column '{excerpt([name])}': it has {excerpt(self.names)}")
        return self.columns[self.names.index(name)]

    def without(self, names: tuple[str, ...]) -> "Table":
        """Leave columns out."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        names, columns = (tuple(several[i] for i in kept) for several in (self.names, self.columns))
        return self._replace(names=names, columns=columns)


def excerpt(words: Any) -> str:
    """The words, so many of them as say what kind of file it is."""
    text = ", ".join(words)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} …"
