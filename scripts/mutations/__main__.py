"""How many mistakes in optimizers the checks find: a mutation score.

    python scripts/mutations [--count N] [--seed S] [--processes P] [--rules NAME,NAME] [--out FILE.json]

Mistakes are put into PADL's own rules, one at a time (mutants.py), and each rule with one goes through the checks of
`padl check`, which know nothing of the paper, until one fails. What passes them all is held against its oracle, the
paper's rule in float64 NumPy (tests/optimizers/numpy_rules.py). A mutant whose program is that of the rule, operation
by operation, is none and is not counted. The figures are in scripts/lab_book.md.
"""

import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KILLED = ("raises", "checks", "oracle")
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests" / "optimizers")]


def main() -> None:
    """Draw mutants, share them among processes, and print the score."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--count", type=int, default=300, help="mutants, drawn evenly from rules and kinds of mistakes"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--rules", default="", help="only of these optimizers, with commas")
    options.add_argument("--out", type=Path, default=Path("mutations.json"), help="every mutant and what became of it")
    options.add_argument("--share", default="", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.share:
        judge_share(drawn(given), *map(int, given.share.split("/")))
        return
    start = time.perf_counter()
    shares = [
        subprocess.Popen(
            [sys.executable, __file__, *sys.argv[1:], "--share", f"{k}/{given.processes}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(given.processes)
    ]
    found = [json.loads(line) for share in shares for line in share.communicate()[0].splitlines() if line[:1] == "{"]
    given.out.write_text(json.dumps(found, indent=1))
    report(found, time.perf_counter() - start)


def drawn(given: argparse.Namespace) -> list[Any]:
    """Draw mutants: in turn one of each kind of mistake, of another rule where there is one."""
    from mutants import mutants_of

    every = [m for file in sorted((ROOT / "padl" / "optimizers").glob("*.py")) for m in mutants_of(file)]
    wanted = set(filter(None, given.rules.split(",")))
    every = [m for m in every if not wanted or m.rule in wanted]
    random.Random(given.seed).shuffle(every)
    taken: Counter[tuple[str, str]] = Counter()
    ranked = []
    for m in every:
        taken[m.operator, m.rule] += 1
        ranked.append((taken[m.operator, m.rule], len(ranked), m))
    return [m for *_, m in sorted(ranked, key=lambda each: each[:2])][: given.count]


def judge_share(mutants: list[Any], share: int, shares: int) -> None:
    """Judge every `shares`-th mutant, and print a line of JSON for each."""
    for mutant in mutants[share::shares]:
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            fate, by = judged(mutant)
        row = {"rule": mutant.rule, "operator": mutant.operator, "mutant": str(mutant), "fate": fate, "by": by}
        print(json.dumps({**row, "seconds": round(time.perf_counter() - start, 2)}), flush=True)


def judged(mutant: Any) -> tuple[str, str]:
    """What finds a mutant: ("raises" | "checks" | "oracle" | "same" | "alike" | "survives", which)."""
    from padl.app.checked_things import checked_entry
    from padl.conformance.suite import checks_for, run_checks

    try:
        entry = entry_of(mutant)
        subject = checked_entry(entry)
        if program(subject) == program(checked_entry(original(mutant.rule))):
            return "same", ""
    except Exception as error:
        return "raises", f"{type(error).__name__}: {error}".splitlines()[0][:120]
    for outcome in run_checks(subject, checks_for("optimizer")):
        if outcome.status == "fail" and not outcome.reason.startswith("is exempt"):
            return "checks", f"{outcome.check.name}: {outcome.reason[:120]}"
    if fails_oracle(entry):
        return "oracle", ""
    return ("alike" if goes_the_same_way(subject, checked_entry(original(mutant.rule))) else "survives"), ""


def goes_the_same_way(one: Any, other: Any) -> bool:
    """Whether two optimizers make the same steps to the bit, on three streams of losses."""
    import jax

    from padl.conformance.checked_optimizer import distance
    from padl.conformance.problems import bowl, given, noisy

    start = one.usual.start
    streams = (noisy(start), given(start).scaled(1e-6), bowl(start))
    pairs = ((one.usual.course(s).path, other.usual.course(s).path) for s in streams)
    return all(distance(*pair) == 0 for pair in pairs) and jax.tree.structure(one.numbers) == jax.tree.structure(
        other.numbers
    )


def original(name: str) -> Any:
    """The entry of a rule as it is."""
    from padl.app import names

    return names.find("optimizer", name)


def entry_of(mutant: Any) -> Any:
    """Run the file of a mutant with a registry of its own, and return its rule from there."""
    from padl.app import names
    from padl.registry import Registry

    names.load()
    registry = Registry("optimizer")
    namespace: dict[str, Any] = {"__name__": f"padl.optimizers.{mutant.file.stem}", "__file__": str(mutant.file)}
    module = mutant.module()
    for node in module.body:  # `from padl.registry import optimizer` brings another registry
        if getattr(node, "module", None) == "padl.registry":
            node.names = [each for each in node.names if each.name != "optimizer"]  # type: ignore[attr-defined]
    module.body = [node for node in module.body if getattr(node, "names", [None])]
    namespace["optimizer"] = registry
    exec(compile(module, str(mutant.file), "exec"), namespace)
    return registry.get(mutant.rule)


def program(subject: Any) -> str:
    """A first state and two updates as operations."""
    import jax

    from padl.conformance.optimizer_forms import shapes

    def steps(numbers: Any, params: Any) -> Any:
        tx = subject.usual.made(numbers)
        updates, state = subject.usual.update(tx, params, tx.init(params), params)
        return updates, subject.usual.update(tx, params, state, params)

    return str(jax.make_jaxpr(steps)(shapes(subject.numbers), shapes(subject.usual.start)))


def fails_oracle(entry: Any) -> bool:
    """Whether twenty steps are not those of the paper."""
    import jax
    import numpy as np
    from numpy_rules import RULES  # pyright: ignore[reportMissingImports]
    from oracle_problem import SHAPES, Whole, expected, walked  # pyright: ignore[reportMissingImports]

    if entry.name not in RULES:
        return False
    rule, hyperparameters = RULES[entry.name]
    tolerance = rule.rtol if isinstance(rule, Whole) else 1e-9
    with jax.enable_x64(True):
        try:
            path = walked(entry.function(**hyperparameters))
        except Exception:
            return True
        paper = expected(rule, hyperparameters)
    return not all(np.allclose(path[name], paper[name], rtol=tolerance, atol=1e-12) for name in SHAPES)


def report(found: list[Mapping[str, Any]], seconds: float) -> None:
    """Print the score as a table of kinds of mistakes, and who survived."""
    real = [each for each in found if each["fate"] != "same"]
    rules = len({m["rule"] for m in found})
    print(f"{len(found)} mutants of {rules} rules in {seconds / 60:.0f} min, {len(found) - len(real)} of them none\n")
    print("| mistake | mutants | found without oracles | with them | left |\n|---|---|---|---|---|")
    for operator in [*sorted({m["operator"] for m in real}), ""]:
        of = [m for m in real if not operator or m["operator"] == operator]
        without, killed = (sum(m["fate"] in fates for m in of) for fates in (KILLED[:2], KILLED))
        shares = " | ".join(f"{k} ({100 * k / max(len(of), 1):.0f} %)" for k in (without, killed))
        print(f"| {operator or 'all'} | {len(of)} | {shares} | {len(of) - killed} |")
    by = Counter(m["by"].partition(":")[0] for m in real if m["fate"] == "checks")
    print("\nfound by:", ", ".join(f"{name} {n}" for name, n in by.most_common()))
    titles = {
        "survives": "survivors",
        "alike": "survivors that make the same steps to the bit",
        "oracle": "found by oracles alone",
    }
    for fate, title in titles.items():
        print(f"\n{title}:")
        for m in real:
            if m["fate"] == fate:
                print(" ", m["mutant"])


if __name__ == "__main__":
    main()
