"""Update parameters by torch's fused optimizers, in a process without JAX, whose threads wait apart. drawn, serve.

python torch_updates.py adam FILE      3 updates, the parameters to FILE; then one line of seconds for each line read
"""

import os
import sys
from time import perf_counter

import numpy as np

ARRAYS, SIDE, CHECKED, UPDATES = 100, 410, 3, 5  # 100 × 410² = 16.8 M parameters


def drawn(seed: int) -> np.ndarray:
    """Draw (ARRAYS, SIDE, SIDE) float32 numbers, the same in every process."""
    return np.random.default_rng(seed).standard_normal((ARRAYS, SIDE, SIDE), np.float32)


def serve(name: str, file: str) -> None:
    """Write the parameters after CHECKED updates to `file`, then print the seconds of one update of UPDATES for each
    line that comes."""
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    params = [torch.tensor(p, requires_grad=True) for p in drawn(0)]
    for p, g in zip(params, drawn(1), strict=True):
        p.grad = torch.tensor(g)
    make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    optimizer = make(params, lr=1e-3, fused=True)
    for _ in range(CHECKED):
        optimizer.step()
    np.save(file, np.stack([p.detach().numpy() for p in params]))
    print(torch.__version__, flush=True)
    for _ in sys.stdin:
        start = perf_counter()
        for _ in range(UPDATES):
            optimizer.step()
        print((perf_counter() - start) / UPDATES, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
