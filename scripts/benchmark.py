"""How fast PADL is, as ratios against peers that are measured in turns with it: A B A B ...

    python scripts/benchmark.py [NAME ...] [--json FILE] [--rounds N] [--no-fail]

    loop     an MLP on digits in the engine's loop       : the same mathematics by hand, jit and lax.scan
    metrics  the same, a row of metrics every 50 steps   : the same peer, which writes nothing
    eager    the same work as loop                       : one jit call a step; torch on the CPU where it is installed
    conv     a CNN in the engine's loop                  : one jit call a step, with XLA's own convolutions
    update   16.8 M parameters in 100 arrays, each rule  : Optax's, its numbers traced too; and no large temporary
    constants  the Adam family, its numbers traced       : Optax's, its numbers compiled in; for information, no bound
    compile  eight learning rates in one process         : the programs that runs 2 to 8 compile, none
    start    `padl train` to its first step; `--help`    : `import jax`
    sweep_*  a sweep as one program: benchmark_sweep.py says what
    losses ctc ctc_error linear_ce  what losses cost: benchmark_losses.py says of what
    compare  optimizers on a surface: benchmark_compare.py says what

A ratio is the median over rounds of (seconds of PADL / seconds of the peer in the same round), so that what slows the
machine down slows both. Everything is compiled and run once before it is timed. A ratio above its bound is `over`, and
then the exit code is 1. Machines differ in their ratios too: the output says which one it was.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import optax
from rich.console import Console
from rich.table import Table

import padl
from padl.app import names
from padl.app.plan import Plan, resolve
from padl.data import batches
from padl.engine import loop
from padl.models.convolutional import halve
from padl.runs.jsonl import Jsonl
from padl.runs.windows import Windows
from padl.tasks.supervised import standardise

EVERY = 50  # steps of one compiled call
CALLS, LONG_CALLS, UPDATES = 20, 4, 5  # in one timing: calls, calls of steps that take milliseconds, updates
ARRAYS, SIDE, TEMPORARY = 100, 410, 0.05  # 100 × 410² = 16.8 M parameters; five arrays' worth is too much
COMPILE = "/jax/core/compile/backend_compile_duration"  # JAX's event, once a program
FIRST_STEP = ("train", "steps=1", "log_every=1", "run.dir=null", "wandb.mode=disabled", "progress=none")

Timing = Callable[[], float]  # does some work and returns its seconds for one unit of it


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        case: which of the benchmark's measurements; "" where it has one. peer: what it was weighed against.
        value: the ratio, or for `compile` a count; None where there is nothing to weigh against.
        spread: the least and the largest ratio. seconds: medians, PADL's and the peer's.
        note: for the reader. fault: what is wrong beside the value. benchmark, bound: the decorator's.
    """

    case: str
    peer: str
    value: float | None = None
    spread: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    note: str = ""
    fault: str = ""
    benchmark: str = ""
    bound: float | None = None

    @property
    def verdict(self) -> str:
        if self.value is None or self.bound is None:
            return "over" if self.fault else "-"
        return "over" if self.fault or self.value > self.bound else "ok"


Benchmark = Callable[[int], Iterator[Result]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str, **at_most: float) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark: (rounds) -> results. at_most: {case: bound}, `each` for all; a case left out has none."""

    def register(function: Benchmark) -> Benchmark:
        def bounded(rounds: int) -> Iterator[Result]:
            for result in function(rounds):
                yield replace(result, benchmark=name, bound=at_most.get("each", at_most.get(result.case)))

        BENCHMARKS[name] = bounded
        return function

    return register


def weigh(case: str, peer: str, ours: Timing, theirs: Timing, rounds: int, note: str = "", fault: str = "") -> Result:
    """Time both in turns, after one run of each that does not count."""
    pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    ratios = [a / b for a, b in pairs]
    seconds = tuple(statistics.median(column) for column in zip(*pairs, strict=True))
    return Result(case, peer, statistics.median(ratios), (min(ratios), max(ratios)), seconds, note, fault)


def digits() -> Plan:
    return resolve({"task": "digits", "model": {"name": "mlp", "widths": [128, 128]}, "batch_size": 64})


def in_the_loop(plan: Plan, calls: int = CALLS, follow: Callable[[loop.Chunk], Any] = lambda chunk: None) -> Timing:
    """Seconds a step of `loop.run`, without its initialisation and its evaluation; `follow` gets what is measured."""
    steps = EVERY * (calls + 3)  # beside those timed: the first, one that runs already at the end, one that evaluates
    run = partial(loop.run, plan.experiment, plan.key, plan.hparams, plan.data, criterion=plan.task.criterion)

    def seconds() -> float:
        chunks = run(steps=steps, steps_per_call=EVERY, eval_every=steps)
        follow(next(chunks))
        start = perf_counter()
        for chunk in islice(chunks, calls):
            follow(chunk)
        spent = perf_counter() - start
        list(chunks)  # to the end: nothing of it may run while the peer is timed
        return spent / (calls * EVERY)

    return seconds


def mlp(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    x = x.reshape(len(x), -1)
    for i in range(2):
        x = jax.nn.relu(x @ params[f"blocks.{i}.linear.kernel"] + params[f"blocks.{i}.linear.bias"])
    return x @ params["head.kernel"] + params["head.bias"]


def cnn(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Differs from PADL's in the convolution alone, which is the one that `flax.nnx.Conv` takes by default."""
    for i in range(3):
        kernel, bias = params[f"blocks.{i}.linear.kernel"], params[f"blocks.{i}.linear.bias"]
        same = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = halve(jax.nn.relu(same + bias))
    return x.max((1, 2)) @ params["head.kernel"] + params["head.bias"]


def by_hand(plan: Plan, forward: Callable[..., jax.Array], *, scanned: bool, calls: int = CALLS) -> Timing:
    """Seconds a step of a hand-written loop: same rows, same parameters, same loss and accuracy, Optax's Adam."""
    adam = optax.adam(1e-3)
    step = partial(step_by_hand, forward, plan.batch_size or 1, adam)

    def steps(carry, key, data):
        return jax.lax.scan(lambda c, _: step(c, key, data), carry, length=EVERY)

    params = jax.jit(plan.experiment.init)(plan.key, plan.hparams, plan.data).params
    call = jax.jit(steps if scanned else step, donate_argnums=0)
    carry = (params, adam.init(params), jnp.zeros((), jnp.int32))
    return repeat(lambda c: call(c, plan.key, plan.data), carry, calls if scanned else calls * EVERY, calls * EVERY)


def step_by_hand(forward: Callable[..., jax.Array], size: int, rule: Any, carry: Any, key: jax.Array, data: Any) -> Any:
    """(parameters, the rule's state, steps done) -> the same after one step; loss and accuracy before it."""
    params, state, count = carry
    train = data.split.train
    rows = train[batches.draw(jax.random.fold_in(key, 1), count, len(train), size)]
    x, labels = standardise(data.rows["inputs"][rows], data.split.stats), data.rows["labels"][rows]

    def loss(params):
        logits = forward(params, x)
        value = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return value, (logits.argmax(-1) == labels).mean()

    (value, accuracy), grads = jax.value_and_grad(loss, has_aux=True)(params)
    updates, state = rule.update(grads, state, params)
    return (optax.apply_updates(params, updates), state, count + 1), (value, accuracy)


def repeat(call: Callable[[Any], tuple[Any, Any]], carry: Any, times: int, units: int) -> Timing:
    """Seconds a unit of carry, out = call(carry), done so many times and waited for, on a new copy of `carry`."""

    def seconds() -> float:
        now, out = jax.block_until_ready(jax.tree.map(jnp.copy, carry)), None  # where arrays lie in memory matters
        start = perf_counter()
        for _ in range(times):
            now, out = call(now)
        jax.block_until_ready((now, out))
        return (perf_counter() - start) / units

    return seconds


@benchmark("loop", each=1.05)
def without_logging(rounds: int) -> Iterator[Result]:
    plan = digits()
    yield weigh("", "jit and lax.scan by hand", in_the_loop(plan), by_hand(plan, mlp, scanned=True), rounds)


@benchmark("metrics", each=1.10)
def with_metrics(rounds: int) -> Iterator[Result]:
    plan, rows = digits(), Windows(log_every=EVERY)
    with tempfile.TemporaryDirectory() as folder:
        file = Jsonl(Path(folder))

        def follow(chunk: loop.Chunk) -> None:
            for step, row in rows.take(chunk.train, chunk.evaluation, last=False):
                file.write(step, row)

        ours, theirs = in_the_loop(plan, follow=follow), by_hand(plan, mlp, scanned=True)
        yield weigh("", "the same, writing nothing", ours, theirs, rounds)
        file.close({})


@benchmark("eager", each=1.0)
def against_one_call_a_step(rounds: int) -> Iterator[Result]:
    plan = digits()
    yield weigh("jit", "one jax.jit call a step", in_the_loop(plan), by_hand(plan, mlp, scanned=False), rounds)
    if importlib.util.find_spec("torch") is None:
        yield Result("torch", "torch", note="torch is not installed")
        return
    torch = importlib.import_module("torch")
    peer = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    yield weigh("torch", peer, in_the_loop(plan), in_torch(torch, plan), rounds)


def in_torch(torch: Any, plan: Plan) -> Timing:
    """Seconds a step of the usual loop in torch, on data in memory: an epoch's order drawn at its start."""
    rows, split, nn = plan.data.rows, plan.data.split, torch.nn
    told = (rows["inputs"], rows["labels"], split.train, split.stats["mean"], split.stats["std"])
    images, labels, train, mean, std = (torch.tensor(jax.device_get(x)) for x in told)
    layers = nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    net, loss, size = nn.Sequential(nn.Flatten(), *layers), nn.CrossEntropyLoss(), plan.batch_size or 1
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)

    def drawn() -> Iterator[Any]:
        while True:
            yield from train[torch.randperm(len(train))][: len(train) // size * size].split(size)

    def seconds() -> float:
        start = perf_counter()
        for batch in islice(drawn(), CALLS * EVERY):
            x, y = (images[batch].float() - mean) / std, labels[batch].long()
            logits = net(x)
            adam.zero_grad()
            loss(logits, y).backward()
            adam.step()
            (logits.argmax(-1) == y).float().mean()
        return (perf_counter() - start) / (CALLS * EVERY)

    return seconds


@benchmark("conv", each=1.0)
def convolutions_in_the_loop(rounds: int) -> Iterator[Result]:
    plan = resolve({"task": "cracks", "model": "cnn", "batch_size": 32})
    peer = "one jax.jit call a step, lax.conv_general_dilated"
    yield weigh("", peer, in_the_loop(plan, LONG_CALLS), by_hand(plan, cnn, scanned=False, calls=LONG_CALLS), rounds)


OPTAX: dict[str, tuple[str, Callable[..., optax.GradientTransformation]]] = {
    "gd": ("optax.sgd", optax.sgd),
    "sgd": ("optax.sgd", optax.sgd),
    "momentum": ("optax.sgd(momentum)", optax.sgd),
    "nesterov": ("optax.sgd(momentum, nesterov)", partial(optax.sgd, nesterov=True)),
    "adagrad": ("optax.adagrad", partial(optax.adagrad, initial_accumulator_value=0.0)),
    "rmsprop": ("optax.rmsprop", optax.rmsprop),
    "adadelta": ("optax.adadelta", lambda learning_rate, decay, eps: optax.adadelta(learning_rate, decay, eps)),
    "adam": ("optax.adam", optax.adam),
    "adamw": ("optax.adamw", optax.adamw),
    "nadam": ("optax.nadam, momentum that does not warm up", lambda momentum_decay, **told: optax.nadam(**told)),
}


@benchmark("update", each=1.05)
def updates(rounds: int) -> Iterator[Result]:
    for entry in (e for e in names.of("optimizer") if e.origin == "padl"):
        choice, scalars = entry.split({})
        ours, temporary = updater(choice, jax.tree.map(jnp.float32, scalars))
        note = f"temporaries {temporary:.2%} of the parameters"
        fault = note if temporary >= TEMPORARY else ""
        if entry.name not in OPTAX:
            yield Result(entry.name, "none here", note=note, fault=fault)
            continue
        peer, rule = OPTAX[entry.name]
        theirs, its = updater(rule, jax.tree.map(jnp.float32, scalars))
        yield weigh(entry.name, peer, ours, theirs, rounds, f"{note}, of the peer {its:.2%}", fault)


@benchmark("constants")
def updates_against_constants(rounds: int) -> Iterator[Result]:
    for entry in (e for e in names.of("optimizer") if e.name in OPTAX and e.family == "adam"):
        choice, scalars = entry.split({})
        peer, rule = OPTAX[entry.name]
        ours, _ = updater(choice, jax.tree.map(jnp.float32, scalars))
        theirs, _ = updater(partial(rule, **scalars), {})
        yield weigh(entry.name, f"{peer}, its numbers constants", ours, theirs, rounds)


def updater(make: Callable[..., optax.GradientTransformation], scalars: dict[str, jax.Array]) -> tuple[Timing, float]:
    """Seconds an update in place, and the program's temporaries as a share of the parameters; `scalars` are traced."""

    def update(carry, grads, scalars):
        params, state = carry
        rule = optax.with_extra_args_support(make(**scalars))
        changes, state = rule.update(grads, state, params)
        return (optax.apply_updates(params, changes), state), ()

    draw = jax.jit(lambda key: list(jax.random.normal(key, (ARRAYS, SIDE, SIDE))))
    params, grads = draw(jax.random.key(0)), draw(jax.random.key(1))
    carry = (params, jax.jit(lambda params, scalars: make(**scalars).init(params))(params, scalars))
    compiled = jax.jit(update, donate_argnums=0).lower(carry, grads, scalars).compile()
    memory: Any = compiled.memory_analysis()
    temporary = memory.temp_size_in_bytes / sum(p.nbytes for p in params)
    return repeat(lambda c: compiled(c, grads, scalars), carry, UPDATES, UPDATES), temporary


@benchmark("compile", each=0)
def programs_of_a_sweep(rounds: int) -> Iterator[Result]:
    jax.clear_caches()
    compiled = [0] * 8

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        compiled[run] += event == COMPILE

    jax.monitoring.register_event_duration_secs_listener(listen)
    for run in range(len(compiled)):
        padl.train(optimizer={"name": "adam", "learning_rate": 1e-3 * 2**-run}, steps=100, compilation_cache="off")
    jax.monitoring.unregister_event_duration_listener(listen)
    yield Result("", "none", sum(compiled[1:]), note=f"programs compiled by each of 8 runs: {compiled}")


@benchmark("start", warm=2.5, help=0.5)
def starts(rounds: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        folders = (f"{folder}/programs-{i}" for i in range(rounds + 1))
        cold = lambda: process(folder, next(folders), "-m", "padl", *FIRST_STEP)  # noqa: E731
        same = partial(process, folder, f"{folder}/programs")
        warm = partial(same, "-m", "padl", *FIRST_STEP)
        peer = partial(same, "-c", "import jax")
        warm()
        note = "wall time of a process, bytecode cached on both sides; padl"
        yield weigh("cold", "import jax", cold, peer, rounds, f"{note} {' '.join(FIRST_STEP)}, programs compiled anew")
        yield weigh("warm", "import jax", warm, peer, rounds, f"{note}: the same, programs from the compilation cache")
        yield weigh("help", "import jax", partial(same, "-m", "padl", "--help"), peer, rounds, f"{note} --help")


def process(folder: str, programs: str, *arguments: str) -> float:
    """Seconds of a Python process. Bytecode goes to `folder`, compiled programs to `programs`."""
    start = perf_counter()
    python(folder, programs, *arguments)
    return perf_counter() - start


def python(folder: str, programs: str, *arguments: str) -> str:
    """What a Python process prints; `process` says what is where."""
    own = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "JAX_COMPILATION_CACHE_DIR": programs}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own
    done = subprocess.run([sys.executable, *arguments], env=env, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def machine(rounds: int) -> dict[str, Any]:
    packages = {name: metadata.version(name) for name in ("padl", "jax", "jaxlib", "optax", "flax", "numpy")}
    device = f"{jax.default_backend()} {jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    versions = packages | {"python": platform.python_version()}
    return {"versions": versions, "device": device, "load": os.getloadavg()[0], "rounds": rounds}


def report(results: list[Result], where: dict[str, Any]) -> None:
    console, table = Console(width=None if sys.stdout.isatty() else 150, highlight=False), Table(header_style="bold")
    for column in ("benchmark", "against", "PADL", "peer", "ratio", "min to max", "at most", "verdict"):
        table.add_column(column)
    for r in results:
        numbers = [f"{x:.3g}" if x is not None else "" for x in (r.value, r.bound)]
        cells = (f"{r.benchmark} {r.case}", r.peer, *(map(short, r.seconds) if r.seconds else ("", "")), numbers[0])
        colour = {"over": "red", "ok": "green"}.get(r.verdict)
        table.add_row(*cells, " to ".join(f"{x:.3g}" for x in r.spread), numbers[1], r.verdict, style=colour)
    console.print(table)
    for r in (r for r in results if r.note):
        console.print(f"{r.benchmark} {r.case}: {r.note}", soft_wrap=True)
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    load = f"load {where['load']:.2f} at the start, {os.getloadavg()[0]:.2f} at the end"
    rounds = f"medians of {where['rounds']} rounds after one that does not count"
    console.print(f"{versions}; {where['device']}, {load}; {rounds}", soft_wrap=True)


def short(seconds: float) -> str:
    unit, scale = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3)) if seconds >= s), ("µs", 1e-6))
    return f"{seconds / scale:.3g} {unit}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each pair is timed; 7")
    parser.add_argument("--no-fail", action="store_true", help="exit with 0 whatever the ratios")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark '{unknown[0]}': there are {', '.join(BENCHMARKS)}")
    where = machine(options.rounds)
    results = [result for name in options.names or BENCHMARKS for result in BENCHMARKS[name](options.rounds)]
    report(results, where)
    if options.json:
        rows = [{**asdict(result), "verdict": result.verdict} for result in results]
        options.json.write_text(json.dumps({"machine": where, "results": rows}, indent=2) + "\n", encoding="utf-8")
    return int(not options.no_fail and any(result.verdict == "over" for result in results))


if __name__ == "__main__":
    import benchmark as registry  # the name by which the others know this file: all register there
    import benchmark_compare  # noqa: F401
    import benchmark_losses  # noqa: F401
    import benchmark_sweep  # noqa: F401

    sys.exit(registry.main())
