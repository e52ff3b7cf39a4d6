"""How fast PADL is, as ratios against peers that are measured in turns with it: A B A B ...

    python scripts/benchmarks [NAME ...] [--json FILE] [--rounds N] [--no-fail]
    python scripts/benchmarks NAME ... --against CHECKOUT [--turns N]

A ratio is the median over rounds of (seconds of PADL / seconds of the peer in the same round), so that what slows the
machine down slows both. Everything is compiled and run once before it is timed. A ratio above its bound is `over`, and
then the exit code is 1. Machines differ in their ratios too: the output says which one it was.

With --against, the benchmarks run in another checkout of PADL and in this one in turns, and the table says what
changed. padl is the one on PYTHONPATH, or the installed one; with --against, each checkout's own.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import comparing
import losses
import matrices
import reading
import small_arrays
import starting
import sweep_overhead
import sweep_program
import sweeps
import training
import update_torch
import updates
from alternation import alternate, print_change
from harness import BENCHMARKS
from table import machine, print_results

SUBJECTS = (
    training,
    updates,
    small_arrays,
    matrices,
    update_torch,
    starting,
    sweeps,
    sweep_program,
    sweep_overhead,
    losses,
    reading,
    comparing,
)


def main() -> int:
    options = _options()
    if options.against:
        print_change(*alternate(options.against, options.names, options.turns, options.rounds))
        return 0
    where = machine(options.rounds)
    results = [result for name in options.names or BENCHMARKS for result in BENCHMARKS[name](options.rounds)]
    print_results(results, where)
    if options.json:
        rows = [{**asdict(result), "verdict": result.verdict} for result in results]
        options.json.write_text(json.dumps({"machine": where, "results": rows}, indent=2) + "\n", encoding="utf-8")
    return int(not options.no_fail and any(result.verdict == "over" for result in results))


def _options() -> argparse.Namespace:
    subjects = "\n".join(subject.__doc__ or "" for subject in SUBJECTS)
    parser = argparse.ArgumentParser(
        prog="python scripts/benchmarks",
        description=f"{__doc__}\n{subjects}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark, listed above; all without one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each pair is timed; 7")
    parser.add_argument("--no-fail", action="store_true", help="exit with 0 whatever the ratios")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="run in this one and in ours, in turns")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="how often each checkout has its turn; 5")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark '{unknown[0]}': there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
