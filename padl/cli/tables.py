"""Print what a run, an evaluation and a sweep came to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from padl.app.fingerprint import Difference
from padl.app.readable_runs import best_by
from padl.app.sweep.results import Results
from padl.app.sweep.run import Sweep
from padl.cli.formatting import cell, print_line, short
from padl.cli.sync_line import sync_line
from padl.runs.console import Output, print_table
from padl.runs.redaction import redact
from padl.types import printable

MOST_SETTINGS = 15  # on the screen; results.csv has every member


def print_summary(
    summary: Mapping[str, Any], folder: Path | None, wandb_folder: Path | None, wandb_url: str = ""
) -> None:
    """Print the end of a run: final and best metrics, speed, where the folder is, where W&B shows it or how it will."""
    console = Output()
    print_line(summary["title"], style="bold")
    if summary["final"] or summary["best"]:
        console.print(_metrics(summary))
        print_line(f"* decides: best is {best_by(summary)}")
    facts = {
        "status": summary["status"] + (f" ({summary['reason']})" if summary.get("reason") else ""),
        "steps": f"{summary['steps']:,} at {summary['steps_per_second']:,.0f} steps/s",
        "time": f"{summary['wall_seconds']:.1f} s, {summary['compile_seconds']:.1f} s of it compiling",
        "parameters": f"{summary['parameters']:,}",
        **_against_optimum(summary.get("optimum")),
        "folder": str(folder or "none asked for"),
    }
    if summary["status"] == "interrupted" and folder:
        facts["go on"] = f"padl resume {folder}"
    if wandb_folder or wandb_url:
        facts["W&B"] = sync_line([wandb_folder]) if wandb_folder else wandb_url
    facts |= summary.get("debug", {})
    for name, fact in facts.items():
        console.print(Text.assemble((f"{name:>10}", "bold"), "  ", printable(fact)), soft_wrap=True)


def _metrics(summary: Mapping[str, Any]) -> Table:
    """Final and best values, a star at the metric that decides which are best."""
    final, best, test = summary["final"], summary["best"], summary.get("test", {})
    decides = summary["decided_by"]["metric"]
    table = Table(header_style="bold")
    table.add_column("metric")
    table.add_column("final", justify="right")
    table.add_column(f"best (step {best['step']:,})" if best else "best", justify="right")
    for name in final or [name for name in best if name != "step"]:
        label = f"{name} *" if name == decides else name
        table.add_row(cell(label), short(final.get(name), 5), short(best.get(name), 5))
    tested = [test.get(which, {}) for which in ("final", "best")]
    for name in tested[0] or tested[1]:
        table.add_row(cell(f"test/{name}"), *(short(metrics.get(name), 5) for metrics in tested))
    return table


def _against_optimum(optimum: Mapping[str, Any] | None) -> dict[str, str]:
    """What the optimizer reached against the best there is, where that is known in closed form."""
    if optimum is None:
        return {}
    if "left_out" in optimum:
        return {"optimum": f"left out: {optimum['left_out']}"}
    if optimum["excess_loss"] is None:
        reached, held_out, excess = "", "", "the run diverged"
    else:
        reached, held_out = (f", {optimum[name]:.7g} reached" for name in ("train_loss", "held_out_loss"))
        excess = f"excess loss {optimum['excess_loss']:.3g}"
    return {
        "optimum": f"training loss {optimum['optimum_train_loss']:.7g} by least squares{reached}: {excess}",
        "held out": f"loss {optimum['optimum_held_out_loss']:.7g} at the optimum{held_out} (in float64)",
    }


def print_differences(differences: Sequence[Difference]) -> None:
    """Print what is not as it was when a run was recorded."""
    print_table(Difference._fields, [[_shortened(text) for text in difference] for difference in differences])


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:12]}…"


def print_evaluation(metrics: Mapping[str, float], recorded: Mapping[str, float], title: str) -> None:
    """Print an evaluation that was repeated, and what the run recorded of it."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in ("metric", "now", "in the run"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name, value in metrics.items():
        table.add_row(cell(name), short(value, 9), cell(recorded.get(name), 9))
    Output().print(table)


def print_ranking(sweep: Sweep, results: Results) -> None:
    """Print the settings of a sweep, the best first, of each task by itself; what to beware of; where all is."""
    for ranking in results.rankings.values():
        _print_ranking(ranking)
    for line in _on_members(sweep, results):
        print_line(line)
    for warning in results.warnings:
        print_line(f"beware: {warning}")
    if results.folder:
        print_line(f"folder  {results.folder}")
        if any(row["status"] in ("interrupted", "failed", "not started") for row in results.rows):
            print_line(f"go on   padl resume {results.folder}")
    offline = [run.run_folder for run in sweep.records.wandb_runs if run.run_folder]
    if offline:
        print_line(f"W&B     {sync_line(offline, results.folder)}")
    if sweep.records.wandb and sweep.records.wandb.url:
        print_line(f"W&B     {sweep.records.wandb.url}")


def _print_ranking(results: Results) -> None:
    if results.ranked and results.objective:
        metric, better = results.objective.metric, {"max": "higher", "min": "lower"}[results.objective.direction]
        print_line(f"{results.title}, ranked by best {metric} ({better} is better)", style="bold")
        Output().print(_ranking(results))
    if results.test:
        print_line(f"test  {_test(results)}: the best parameters of the first setting, on rows that chose nothing")
    more = len(results.ranked) - MOST_SETTINGS
    if more > 0:
        print_line(f"{more} more settings are in results.csv")


def _on_members(sweep: Sweep, results: Results) -> list[str]:
    """How many ended otherwise than after all their steps, and what `debug` found of them."""
    statuses = Counter(row["status"] for row in results.rows)
    lines = [f"{_runs(count)} {status}" for status, count in statuses.items() if status != "finished"]
    stopped = sum(row["status"] == "finished" and bool(row.get("reason")) for row in results.rows)
    if stopped:
        lines.append(f"{_runs(stopped)} stopped early: the column reason of results.csv says why")
    verdicts = [text for member in sweep.members if (text := member.summary.get("debug", {}).get("overfit"))]
    if verdicts:
        learnt = sum(text.startswith("learnt") for text in verdicts)
        lines.append(
            f"debug=overfit: {learnt} of {_runs(len(verdicts))} learnt the batch; summary.json has each verdict"
        )
    return lines


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _ranking(results: Results) -> Table:
    keys = [key for key in results.swept if key != "seed"]
    any_diverged = any(setting.diverged for setting in results.ranked)
    table = Table(header_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("", justify="right")
    for key in _headers(keys):
        table.add_column(cell(key), overflow="fold")
    for column in ("mean ± se", "n", *(["diverged"] if any_diverged else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for place, setting in enumerate(results.ranked[:MOST_SETTINGS], start=1):
        values = [cell(redact(setting.values[key])) for key in keys]
        diverged = [str(setting.diverged or "")] if any_diverged else []
        table.add_row(str(place), *values, _mean(setting.mean, setting.error, setting.n), str(setting.n), *diverged)
    return table


def _headers(keys: list[str]) -> list[str]:
    """The last word of each key, where it is the only one."""
    words = [key.rpartition(".")[2] for key in keys]
    return [word if words.count(word) == 1 else key for key, word in zip(keys, words, strict=True)]


def _mean(mean: float, error: float, n: int) -> str:
    if not n:
        return "none"
    return f"{mean:.5g}" + (f" ± {error:.2g}" if n > 1 else "")


def _test(results: Results) -> str:
    """`accuracy 0.9732 ± 0.0031, loss 0.11 ± 0.012 (n = 5)`."""
    means = ", ".join(f"{name} {_mean(*mean)}" for name, mean in results.test.items())
    return f"{means} (n = {max(mean.n for mean in results.test.values())})"
