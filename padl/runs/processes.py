"""Several processes of one run: only the first writes, and all agree on the name of its folder. is_writer, agreed."""

from collections.abc import Sequence


def is_writer() -> bool:
    """Tell whether this process writes files, the screen and W&B: the first one, which is the only one as a rule."""
    import jax  # takes a second, and who reads folders does without

    return jax.process_index() == 0


def agreed(numbers: Sequence[int]) -> list[int]:
    """Return the numbers of the first process in all of them; each must call it, with as many below 2³²."""
    import jax
    import numpy as np

    if jax.process_count() == 1:
        return list(numbers)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(np.array(numbers, np.uint32))).tolist()
