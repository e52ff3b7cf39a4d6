"""Put all that PADL registers through all checks, those among them that the tests leave out; print a table.

    python scripts/check_house.py [KIND ...] [--processes P] [--slow]

Exit code 1 where a check fails. The figures are in scripts/lab_book.md.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

STATUSES = ("pass", "fail", "exempt", "not for it", "not run")


def main() -> int:
    """Share the items among processes, and print what comes of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kinds", nargs="*", help="of what; of everything where none is given")
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--slow", action="store_true", help="slow checks too")
    options.add_argument("--share", default="", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.share:
        check_share(given.kinds, given.slow, *map(int, given.share.split("/")))
        return 0
    start = time.perf_counter()
    command = [sys.executable, __file__, *sys.argv[1:], "--share"]
    shares = [
        subprocess.Popen([*command, f"{k}/{given.processes}"], stdout=subprocess.PIPE, text=True)
        for k in range(given.processes)
    ]
    rows = [json.loads(line) for share in shares for line in share.communicate()[0].splitlines() if line[:1] == "{"]
    report(rows, time.perf_counter() - start)
    return int(any(row["failures"] for row in rows) or any(share.returncode for share in shares))


def check_share(kinds: list[str], slow: bool, share: int, shares: int) -> None:
    """Check every `shares`-th item, and print a line of JSON for each."""
    from padl.app import checking, names
    from padl.types import KINDS, PadlError

    checking.prepare()
    every = [(kind, entry) for kind in KINDS if not kinds or kind in kinds for entry in names.of(kind)]
    for kind, entry in every[share::shares]:
        start = time.perf_counter()
        try:
            found = checking.check(f"{kind}:{entry.name}", slow=slow)
        except PadlError as error:  # a task of a user's own data
            print(f"{kind} {entry.name} is left out: {error}", file=sys.stderr)
            continue
        row = {
            "kind": kind,
            "name": entry.name,
            "seconds": time.perf_counter() - start,
            "counts": Counter(each.status for each in found),
            "failures": [f"{each.check.name}: {each.reason}" for each in found.failures],
        }
        print(json.dumps(row), flush=True)


def report(rows: list[Mapping[str, Any]], seconds: float) -> None:
    """Print a row for each kind, and what failed."""
    print("| kind | items | " + " | ".join(STATUSES) + " | seconds an item, median | longest |")
    print("|---" * (len(STATUSES) + 4) + "|")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of = sorted((row for row in rows if row["kind"] == kind), key=lambda row: row["seconds"])
        counts = " | ".join(str(sum(row["counts"].get(status, 0) for row in of)) for status in STATUSES)
        longest = f"{of[-1]['seconds']:.1f} ({of[-1]['name']})"
        print(f"| {kind} | {len(of)} | {counts} | {of[len(of) // 2]['seconds']:.1f} | {longest} |")
    print(f"\n{len(rows)} items in {seconds / 60:.1f} min")
    for row in rows:
        for failure in row["failures"]:
            print(f"{row['kind']} {row['name']}: {failure}")


if __name__ == "__main__":
    sys.exit(main())
