"""Put every optimizer of Optax through PADL's checks, and print a table.

    python scripts/optax_conformance.py                    all of them, in about six minutes
    python scripts/optax_conformance.py adan contrib.muon  these, with the smallest case of each failure
    python scripts/optax_conformance.py --json out.json    all, and what was found as JSON

The checks are those of `padl check optax:NAME`. Floats of a signature are numbers that are data; of an optimizer
without a default the learning rate is 0.001. contrib.dpsgd is left out: it takes a gradient for each example. What was
found is in docs/optax_findings.md.
"""

import argparse
import inspect
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

import jax
import optax

from padl.conformance.checked_optimizer import CheckedOptimizer, domain_of
from padl.conformance.checks import Outcome
from padl.conformance.suite import checks_for, run_checks
from padl.optimizers.transformation import Transformation

RATE = "learning_rate"
ALIASES = """
adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan amsgrad fromage lamb lars lbfgs lion nadam nadamw
noisy_sgd novograd optimistic_adam optimistic_adam_v2 optimistic_gradient_descent polyak_sgd radam rmsprop rprop sgd
sign_sgd signum sm3 yogi
"""
CONTRIB = """
acprop ademamix adopt cocob dadapt_adamw dog dowg galore madgrad mechanize momo momo_adam muon prodigy sam
schedule_free schedule_free_adamw schedule_free_sgd simplified_ademamix sophia
"""
NAMES = [*ALIASES.split(), *(f"contrib.{name}" for name in CONTRIB.split())]
GIVEN: Mapping[str, Mapping[str, str]] = {  # what has no default, or one that raises: {argument: code}
    "adadelta": {RATE: "1.0"},
    "adafactor": {RATE: "0.01"},
    "noisy_sgd": {"seed": "0"},
    "optimistic_adam": {"optimism": "0.001"},
    "contrib.galore": {"rank": "2"},
    "contrib.mechanize": {"base_optimizer": "optax.sgd(0.1)"},
    "contrib.sam": {"optimizer": "optax.sgd(0.1)", "adv_optimizer": "optax.sgd(0.05)"},
    "contrib.schedule_free": {"base_optimizer": "optax.sgd(0.1)", RATE: "0.1"},
}


NEEDS = {
    "lbfgs": ("value", "grad", "value_fn"),
    "polyak_sgd": ("value",),
    "contrib.momo": ("value",),
    "contrib.momo_adam": ("value",),
    "contrib.sophia": ("value_fn",),
}
OWN_KEY = "its seed is an argument, and its state holds a typed key, which Orbax can save"
BELOW = "a loss of this check falls below f_min"
ONE_NUMBER = "its learning rate is annotated as a number"
START = "it remembers where it began"
SUM = "b1 is of a sum, as in its paper"
OPTIMISM = "its optimism is a second memory of direction"
INTERPOLATED = "b1 says where between its average and its steps it trains"
CENTRED = {
    "average_words": "on a constant gradient its second average is of zeros",
    "decay_rates": "its second average is of distances from the first",
}
EXEMPT: Mapping[str, Mapping[str, str]] = {  # what Optax says that it does, or its paper; as PADL's own rules are
    "adabelief": CENTRED,
    "adan": {"momentum_word": "b2 is a memory of differences of gradients"},
    "fromage": {"rate_linear": "a step is divided by √(1 + η²)"},
    "lion": {"decay_rates": "b1 is the share of what it remembers in a step, b2 the decay rate"},
    "noisy_sgd": {
        **dict.fromkeys(("own_randomness", "state_arrays", "checkpoint"), OWN_KEY),
        "names_of_arrays": "which array draws what follows their order",
        "mirrored": "noise is not mirrored",
    },
    "novograd": {"average_words": SUM},
    "optimistic_adam": {
        "rate_schedule": ONE_NUMBER,
        "rate_of_zero": "its optimism has a rate of its own",
        "momentum_word": OPTIMISM,
    },
    "optimistic_adam_v2": {"momentum_word": OPTIMISM},
    "rprop": {"rate_schedule": ONE_NUMBER, "numbers_matter": "a dozen steps do not reach max_step_size"},
    "sm3": {"rate_schedule": ONE_NUMBER},
    "yogi": dict.fromkeys(("average_words", "decay_rates"), "b2 is of a sum with signs, which does not settle"),
    "contrib.acprop": CENTRED,
    "contrib.ademamix": {"momentum_word": "b3 is a second memory of direction"},
    "contrib.cocob": {"slots_change": START},
    "contrib.dog": {"slots_change": START},
    "contrib.dowg": {"slots_change": START},
    "contrib.madgrad": {
        "rate_of_zero": "it adds eps to the rate, as the authors' code does",
        "rate_linear": "the rate is in a cube root too, by way of its sums",
        "slots_change": START,
        "decay_rates": "momentum is a share of the way to a point",
    },
    "contrib.mechanize": {"slots_change": START},
    "contrib.momo": {"spike": BELOW},
    "contrib.momo_adam": {"spike": BELOW, "numbers_matter": "its losses stay far above lower_bound"},
    "contrib.muon": {
        "decay_measured": "what is no matrix shrinks by adam_weight_decay",
        "slots_change": "its coefficients are in its state",
    },
    "contrib.prodigy": {"slots_change": START},
    "contrib.sam": {"downhill": "the first of two calls goes to the adversarial point"},
    "contrib.schedule_free": {
        **dict.fromkeys(("rate_of_zero", "rate_linear"), "the optimizer within it has a rate of its own"),
        **dict.fromkeys(("average_words", "decay_rates"), INTERPOLATED),
    },
    "contrib.schedule_free_adamw": dict.fromkeys(("average_words", "decay_rates"), INTERPOLATED),
    "contrib.schedule_free_sgd": dict.fromkeys(("average_words", "decay_rates"), INTERPOLATED),
    "contrib.simplified_ademamix": {"average_words": SUM},
    "contrib.sophia": {
        "own_randomness": "its seed is an argument of its estimate of the Hessian",
        "decay_rates": "b2 is of every tenth step",
    },
}


def rule_of(name: str) -> CheckedOptimizer:
    """Make an optimizer of Optax as checks see it."""
    factory: Callable[..., Any] = reduce(getattr, name.split("."), optax)  # pyright: ignore[reportAssignmentType]
    parameters = inspect.signature(factory).parameters
    needs_rate = RATE in parameters and parameters[RATE].default is inspect.Parameter.empty
    given = {**({RATE: "0.001"} if needs_rate else {}), **GIVEN.get(name, {})}
    fixed = {key: eval(code, {"optax": optax}) for key, code in given.items()}
    values = {key: each.default for key, each in parameters.items() if each.default is not each.empty} | fixed
    numbers = {key: x for key, x in values.items() if isinstance(x, float)}
    more = "".join(f", {key}={code}" for key, code in given.items())
    return CheckedOptimizer(
        name,
        lambda values: (lambda **data: _declared(name, factory(**{**fixed, **data})), {**numbers, **values}),
        {key: domain_of(key) for key in numbers},
        "from functools import partial\nimport optax.contrib" if given else "import optax.contrib",
        f"partial(optax.{name}{more})(" if given else f"optax.{name}(",
        {"exempt": EXEMPT.get(name, {})},
        annotated=False,
    )


def _declared(name: str, tx: optax.GradientTransformation) -> Transformation:
    """Say what it reads: Optax's signatures take anything by name, and it is given no more than what it uses."""

    def update(grads: Any, state: Any, params: Any = None, **extras: Any) -> tuple[Any, Any]:
        called = {"obj_fn" if name == "contrib.sophia" else key: x for key, x in extras.items()}
        return optax.with_extra_args_support(tx).update(grads, state, params, **called)

    return Transformation(tx.init, update, needs=NEEDS.get(name, ()))


def table(found: Mapping[str, list[Outcome]]) -> Iterator[str]:
    """A row for each optimizer: how many checks it passes, and which it fails."""
    width = max(map(len, found), default=0)
    for name, outcomes in found.items():
        counts = Counter(each.status for each in outcomes)
        failed = ", ".join(each.check.name for each in outcomes if each.status == "fail")
        seconds = sum(each.seconds for each in outcomes)
        yield f"{name:<{width}}  {counts['pass']:>2} passed  {counts['fail']:>2} failed  {seconds:5.1f} s  {failed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="a file for all outcomes")
    given = parser.parse_args()
    found: dict[str, list[Outcome]] = {}
    print(f"optax {optax.__version__}, jax {jax.__version__}, {jax.device_count()} devices of {jax.default_backend()}")
    for name in given.names or NAMES:
        found[name] = list(run_checks(rule_of(name), checks_for("optimizer")))
        print(*table({name: found[name]}), flush=True)
        for each in found[name] if given.names else ():
            if each.status == "fail":
                print(f"\n{each.check.name}: {each.check.promise}\n{each.reason}\n\n{each.case}\n")
        jax.clear_caches()
    failures = Counter(each.check.name for outcomes in found.values() for each in outcomes if each.status == "fail")
    print("\n".join(f"{count:>3} fail {name}" for name, count in failures.most_common()))
    if given.json:
        rows = [
            {"optimizer": name, "check": x.check.name, "status": x.status, "reason": x.reason, "case": x.case}
            for name, outcomes in found.items()
            for x in outcomes
        ]
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
