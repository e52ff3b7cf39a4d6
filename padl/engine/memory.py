"""Tell that memory ran out, which JAX's backends and NumPy say in different words. is_out_of_memory."""

import re

import jax

WORDS = re.compile(r"RESOURCE_EXHAUSTED|out of memory|cannot allocate memory|bad_alloc", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory, of the device or of the machine, did not suffice."""
    if isinstance(error, jax.errors.JaxRuntimeError):
        return bool(WORDS.search(str(error)))
    return isinstance(error, MemoryError)
