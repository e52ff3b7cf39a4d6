"""The names of the wrappers that can be around any tree of parameters, plugins' too. WRAPPERS."""

import padl
from padl import registry
from padl.optimizers.transformation import needs_of

WRAPPERS = [  # but for what reads the state of a model, which has tests of its own
    entry.name
    for entry in map(registry.optimizer.get, padl.names("optimizer"))
    if entry.stand_ins and "model_state" not in needs_of(entry.function("sgd"))
]
