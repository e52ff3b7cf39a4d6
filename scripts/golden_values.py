"""Golden numbers for tests/optimizers: ten steps of every torch.optim rule that PADL shares, in float64.

torch is no dependency of PADL, so the numbers are made once and kept. From the root of the repository, about 200 MB:

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python scripts/golden_values.py

The function is f(θ) = Σ h (θ - c)² / 2, its gradient h (θ - c). Its curvatures h span six decades and one coordinate
starts at its minimum, so that a misplaced eps shows; eps is larger than the default for the same reason.
"""

import json
from pathlib import Path

import torch  # pyright: ignore[reportMissingImports]

STEPS = 10
PROBLEM = {
    "curvature": [1e-4, 0.3, 2.0, 60.0, 1.0],
    "minimum": [5.0, -1.0, 0.5, 0.02, -0.7],
    "start": [-3.0, 2.0, -0.25, 0.05, -0.7],
}
CASES = [  # (optimizer of PADL, its hyperparameters, optimizer of torch, its arguments)
    ("sgd", {"learning_rate": 0.01}, "SGD", {"lr": 0.01}),
    ("momentum", {"learning_rate": 0.01, "momentum": 0.8}, "SGD", {"lr": 0.01, "momentum": 0.8}),
    ("nesterov", {"learning_rate": 0.01, "momentum": 0.8}, "SGD", {"lr": 0.01, "momentum": 0.8, "nesterov": True}),
    ("adagrad", {"learning_rate": 0.1, "eps": 1e-3}, "Adagrad", {"lr": 0.1, "eps": 1e-3}),
    ("rmsprop", {"learning_rate": 0.05, "decay": 0.7, "eps": 1e-3}, "RMSprop", {"lr": 0.05, "alpha": 0.7, "eps": 1e-3}),
    ("adadelta", {"learning_rate": 2.0, "decay": 0.7, "eps": 1e-3}, "Adadelta", {"lr": 2.0, "rho": 0.7, "eps": 1e-3}),
    (
        "adam",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3},
        "Adam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3},
    ),
    (
        "adamw",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "weight_decay": 0.2},
        "AdamW",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.2},
    ),
    (
        "nadam",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "momentum_decay": 0.5},
        "NAdam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "momentum_decay": 0.5},
    ),
]


def path(name: str, arguments: dict) -> list[list[float]]:
    """θ after each step."""
    h, c, start = (torch.tensor(PROBLEM[k], dtype=torch.float64) for k in ("curvature", "minimum", "start"))
    theta = start.clone().requires_grad_()
    optimizer = getattr(torch.optim, name)([theta], **arguments)
    points = []
    for _ in range(STEPS):
        theta.grad = h * (theta.detach() - c)
        optimizer.step()
        points.append(theta.tolist())
    return points


def case(ours: str, hyperparameters: dict, theirs: str, arguments: dict) -> dict:
    names = {"padl": ours, "hyperparameters": hyperparameters, "torch": theirs, "arguments": arguments}
    return {**names, "path": path(theirs, arguments)}


def main() -> None:
    torch.set_default_dtype(torch.float64)  # NAdam's running product is kept in this, whatever the parameters are in
    head = json.dumps({"made by": "scripts/golden_values.py", "torch": torch.__version__, "problem": PROBLEM})
    cases = ",\n".join(json.dumps(case(*c)) for c in CASES)  # a line each
    file = Path(__file__).parent.parent / "tests" / "golden" / "optimizers.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'{head[:-1]}, "cases": [\n{cases}\n]}}\n')
    print(f"{file}: {len(CASES)} cases, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
