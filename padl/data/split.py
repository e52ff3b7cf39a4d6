"""Split rows into those trained on and those held out. random_split."""

import numpy as np

from padl.types import PadlError


def random_split(n: int, held_out: float, seed: int, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Split into row numbers (train, held out), both sorted; with labels, every class in its proportion (stratified).

    Raises:
        PadlError: a side would be empty.
    """
    rng = np.random.default_rng(seed)
    groups = [np.arange(n)] if labels is None else [np.flatnonzero(labels == c) for c in np.unique(labels)]
    parts = [np.split(rng.permutation(g), [round(len(g) * held_out)]) for g in groups]
    held, train = (np.sort(np.concatenate([p[side] for p in parts])).astype(np.int32) for side in (0, 1))
    if not len(held) or not len(train):
        raise PadlError(
            f"held_out={held_out:g} of {n} rows leaves {len(train)} to train on and {len(held)} to hold out"
        )
    return train, held
