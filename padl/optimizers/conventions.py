"""Where libraries differ from a paper under one name, as data. Convention, Conventions, form_of.

A rule that libraries compute differently has an argument `convention` and a table of these, which its decorator has
too: `@optimizer(conventions=ADAM)`. The rule's code reads `form`; `padl diff adam@torch adam@keras` reads all of it.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from padl.types import PadlError

ConventionName = Literal["paper", "torch", "optax", "keras"]


class Convention(NamedTuple):
    """How one library computes a rule.

    Attributes:
        says: in a sentence, what it does otherwise than the paper; "" where it does as the paper.
        form: what the rule's code reads, {choice: value}; what is not here is as in the paper.
        defaults: the library's own defaults, in the rule's words, where they are others than the rule's.
    """

    says: str = ""
    form: Mapping[str, Any] = {}
    defaults: Mapping[str, Any] = {}


Conventions = Mapping[ConventionName, Convention]


def form_of(conventions: Conventions, name: ConventionName) -> Mapping[str, Any]:
    """Return what a rule's code reads: the paper's choices, with those of the convention `name` over them.

    Raises:
        PadlError: there is no such convention of this rule.
    """
    if name not in conventions:
        raise PadlError(f"convention={name}: this rule has {', '.join(conventions)}")
    return {**conventions["paper"].form, **conventions[name].form}
