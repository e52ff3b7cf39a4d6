"""What `padl check` is asked for, as what checks take. checked_entry."""

from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.registry import Entry


def checked_entry(entry: Entry) -> CheckedOptimizer:
    """Return a registered optimizer as checks see it."""
    domains = {name: each.domain for name, each in entry.hyperparameters.items()}
    call = f"padl.optimizer({entry.name!r}"
    return CheckedOptimizer(
        entry.name, lambda v: entry.split({**entry.stand_ins, **v}), domains, "import padl", call, entry.traits
    )
