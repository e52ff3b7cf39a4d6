"""`padl compare`: what it leaves and says, what it refuses in one line, and strangers' optimizers in it."""

import csv
import json
from typing import Annotated

import jax
import numpy as np
import optax
import pytest
import yaml

import padl
from padl import registry
from padl.app.compare import run
from padl.app.compare.plan import resolve
from padl.app.compare.settings import KEYS, LECTURE
from padl.cli.hydra import nodes
from padl.compare import report
from padl.surfaces.landscape import heights
from padl.types import Domain, PadlError, Scalar, ScalarOrSchedule

TWO = "optimizers=[gd,{name: momentum, momentum: 0.5}]"

MISTYPED = [  # what Hydra or the command refuses
    ("optimizers=gd,adam", "a list is 'optimizers=[gd,adam]'"),
    ("stps=5", "no key 'stps'; did you mean 'steps'? ('padl compare --cfg job' shows all keys)"),
    ("+stps=5", "no key 'stps'; did you mean 'steps'?"),
    ("run.dri=x", "no key 'run.dri'; did you mean 'run.dir'?"),
    ("optimizer=adam", "no key 'optimizer'; did you mean 'optimizers'?"),
    ("steps=[1", "the configuration cannot be composed"),
    ("surface=cos_tan start=[1]", "start=[1.0] is not inside cos_tan's box, from (-1.0,) to (1.0,)"),
    ("run.dir=/proc/nowhere", "run.dir='/proc/nowhere': no folder can be made there"),
    ("-m surface=valley,saddle", "-m is for padl train"),
]
REFUSED = [
    # names
    ({"surface": "rosenbruck"}, "no surface 'rosenbruck'; did you mean 'rosenbrock'?"),
    ({"surface": "zzz"}, "no surface 'zzz'; there are cos_tan, valley"),
    ({"optimizers": ["gd", "adm"]}, "no optimizer 'adm'; did you mean 'adam'?"),
    ({"optimizers": []}, "optimizers=[] compares nothing"),
    ({"optimizers": [5]}, "optimizer=5 must be a name"),
    ({"optimizers": ["adam", "adam"]}, "adam stands there twice"),
    ({"optimizers": [{"name": "adam", "b1": 1.5}]}, "optimizer.b1=1.5 is outside its domain [0, 1)"),
    ({"optimizers": [{"name": "adam", "b9": 0.5}]}, "optimizer 'adam' has no 'optimizer.b9'"),
    (
        {"optimizers": [{"name": "adam", "learning_rate": 0.1}]},
        "the learning rate of adam is learning_rate= (mode=fixed)",
    ),
    ({"stps": 5}, "no key 'stps'; did you mean 'steps'?"),
    ({"run": "here"}, "run='here' must be a group of keys: dir, plot"),
    # values
    ({"mode": "fixd"}, "mode='fixd' is not one of fixed, tuned"),
    ({"learning_rate": 0.1}, "learning_rate=0.1 is for mode=fixed"),
    ({"mode": "fixed", "learning_rate": -1}, "learning_rate=-1.0 is outside its domain (0, inf)"),
    ({"learning_rates": [0.1, 0]}, "outside its domain (0, inf)"),
    ({"learning_rates": []}, "learning_rates is a list of rates: of one or more"),
    ({"learning_rate_range": [1, 0.1]}, "has its larger end first: give [0.1,1]"),
    ({"steps": 0}, "steps=0 is outside its domain"),
    ({"goal": 1}, "goal=1.0 is outside its domain (0, 1)"),
    ({"noise": -1}, "noise=-1.0 is outside its domain"),
    ({"starts": 0}, "starts=0 is outside its domain"),
    ({"steps": 100_000_000}, "fewer steps, starts or learning_rates"),
    ({"run": {"dir": ""}}, "run.dir= names no folder"),
    # what a surface cannot use
    ({"start": [9, 9]}, "start=[9.0, 9.0] is not inside rosenbrock's box"),
    ({"start": [0]}, "start=[0.0] has 1 numbers, surface 'rosenbrock' has 2"),
    ({"condition": 5}, "condition is for surface=valley, noisy_valley, matrix_least_squares, linear_network; 'rosenb"),
    ({"surface": "matrix_least_squares", "condition": 0.5}, "condition=0.5 is outside its domain [1, inf)"),
    ({"surface": "linear_network", "start": [1, 2]}, "has 2 numbers, surface 'linear_network' has 24"),
    ({"surface": "valley", "condition": 0.5}, "condition=0.5 is outside its domain [1, inf)"),
    ({"batch_size": 5}, "batch_size=5: surface 'rosenbrock' has no rows"),
    ({"surface": "logistic", "batch_size": 570}, "batch_size=570 is larger than the 569 rows"),
    ({"surface": "network"}, "give its run folder, checkpoint=runs/..."),
    ({"surface": "network", "checkpoint": "nowhere"}, "nowhere is not the folder of a run"),
    ({"checkpoint": "runs"}, "checkpoint=runs is for surface=network"),
    ({"rows": 5}, "rows=5 is for surface=network"),
]


@pytest.mark.parametrize(("words", "message"), MISTYPED, ids=[words for words, _ in MISTYPED])
def test_a_mistake_is_one_line_and_exit_code_2_and_nothing_is_written(padl_command, tmp_path, words, message):
    short = [] if words.startswith("optimizers") else ["optimizers=[gd]"]
    code, out, err = padl_command("compare", *words.split(), *short, "learning_rates=3", "run.plot=false")
    assert (code, out) == (2, ""), err
    assert err.startswith("padl: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("config", "message"), REFUSED, ids=[str(config) for config, _ in REFUSED])
def test_what_does_not_fit_is_refused_in_one_line_before_anything_is_compiled(config, message):
    with pytest.raises(PadlError) as refused:
        resolve(config)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A comparison of two optimizers from two starts, and what it printed; its pictures are of the default kind."""
    folder = tmp_path_factory.mktemp("runs")
    config = {
        "surface": "beale", "optimizers": ["gd", {"name": "momentum", "momentum": 0.5}], "starts": 2, "steps": 12,
        "learning_rates": [1e-3, 1e-2, 10.0], "animate": False, "run": {"dir": str(folder), "plot": True},
    }  # fmt: skip
    return run.run(config, ["padl", "compare"])


def test_a_folder_has_its_config_its_results_its_paths_and_its_pictures(left):
    names = {file.name for file in left.folder.iterdir()}
    assert {"config.yaml", "env.json", "status.json", "results.csv", "trajectories.npz"} <= names
    assert {"paths.png", "progress.png", "rates.png"} == {file.name for file in left.pictures} <= names
    assert json.loads((left.folder / "status.json").read_text())["status"] == "finished"
    assert "compare-beale" in left.folder.name


def test_results_have_a_row_for_each_optimizer_rate_and_start(left):
    with (left.folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == report.COLUMNS
    assert len(rows) == 2 * 3 * 2
    path, chosen = left.comparison.paths["gd"], left.comparison.chosen["gd"]
    for row in (r for r in rows if r["optimizer"] == "gd"):
        r = int(np.abs(path.rates - float(row["learning_rate"])).argmin())
        assert row["shown"] == str(r == chosen.rate).lower()
        if not row["status"].startswith("diverged"):
            assert float(row["final_height"]) == pytest.approx(path.losses[r, int(row["start"]), -1], rel=1e-6)
    assert next(row["status"] for row in rows if row["learning_rate"] == "10").startswith("diverged at ")


def test_the_saved_paths_are_those_of_the_comparison(left):
    saved = np.load(left.folder / "trajectories.npz")
    for label, path in left.comparison.paths.items():
        np.testing.assert_array_equal(saved[f"{label}/points"], path.points)
        np.testing.assert_array_equal(saved[f"{label}/losses"], path.losses)
        np.testing.assert_array_equal(saved[f"{label}/rates"], path.rates)
    np.testing.assert_array_equal(saved["starts"], left.comparison.starts)


def test_the_config_of_a_folder_gives_the_same_comparison_again(left):
    config = yaml.safe_load((left.folder / "config.yaml").read_text())
    again = run.run({**config, "run": {"dir": None}}, []).comparison
    for label, path in left.comparison.paths.items():
        np.testing.assert_array_equal(path.points, again.paths[label].points)


def test_from_python_it_is_the_same_comparison_and_writes_nothing(left, tmp_path):
    optimizers = ["gd", {"name": "momentum", "momentum": 0.5}]
    comparison = padl.trajectories(
        "beale", optimizers=optimizers, starts=2, steps=12, learning_rates=[1e-3, 1e-2, 10.0]
    )
    np.testing.assert_array_equal(comparison.paths["gd"].points, left.comparison.paths["gd"].points)
    assert not list(tmp_path.iterdir())


def test_the_command_prints_a_table_and_where_its_pictures_are(padl_command, tmp_path):
    words = ("surface=valley", "condition=10", TWO, "steps=8", "learning_rates=3", "animate=false", "run.dir=here")
    code, out, err = padl_command("compare", *words)
    assert (code, err) == (0, "")
    assert "valley, κ = 10" in out
    assert "momentum momentum=0.5" in out.replace("\n", " ") or "momentum=0.5" in out
    for name in ("paths.png", "progress.png", "rates.png"):
        (shown,) = [line for line in out.splitlines() if line.endswith(name)]
        assert list(tmp_path.glob(f"here/*/{name}"))
        assert shown.startswith(str(tmp_path))


def test_labels_tell_the_same_optimizer_with_other_numbers_apart():
    plan = resolve({"optimizers": ["adam", {"name": "adam", "b1": 0.8}, {"name": "adam", "b1": 0.8, "eps": 1e-3}]})
    assert list(plan.parts) == ["adam", "adam b1=0.8", "adam b1=0.8 eps=0.001"]


def test_the_default_is_the_lectures_six_each_at_its_own_best_of_16_rates():
    plan = resolve({})
    assert tuple(plan.parts) == LECTURE
    assert (plan.settings.mode, len(plan.rates), plan.settings.steps) == ("tuned", 16, 500)
    assert plan.rates[0] == pytest.approx(1e-4)
    assert plan.rates[-1] == pytest.approx(10.0)


def test_a_fixed_rate_is_the_surfaces_own_or_the_one_given_and_stands_among_those_tried():
    default = resolve({"mode": "fixed", "surface": "saddle"})
    assert default.fixed == 0.1
    assert len(default.rates) == 16  # among which it is
    named = resolve({"mode": "fixed", "learning_rate": 0.3, "learning_rates": [0.1, 0.3]})
    assert (named.fixed, named.rates) == (0.3, (0.1, 0.3))
    comparison = padl.trajectories("saddle", mode="fixed", optimizers=["gd"], steps=5, learning_rates=3)
    assert comparison.paths["gd"].rates[comparison.chosen["gd"].rate] == pytest.approx(0.1)


def test_starts_after_the_first_are_drawn_in_the_view_by_the_seed():
    one, again, other = (resolve({"starts": 5, "seed": seed}) for seed in (1, 1, 2))
    low, high = np.array(one.landscape.view).T
    np.testing.assert_array_equal(one.starts, again.starts)
    np.testing.assert_array_equal(one.starts[0], one.landscape.start)
    assert ((low <= one.starts) & (one.starts <= high)).all()
    assert np.abs(one.starts[1:] - other.starts[1:]).min() > 0


def test_the_noisy_valley_is_noisy_unless_told_otherwise():
    assert resolve({"surface": "noisy_valley"}).noise == 1.0
    assert resolve({"surface": "noisy_valley", "noise": 0}).noise == 0.0
    assert resolve({"surface": "valley"}).noise == 0.0


def test_batches_reach_the_logistic_landscape():
    comparison = padl.trajectories("logistic", optimizers=["gd", "sgd"], batch_size=8, steps=5, learning_rates=[1.0])
    assert (comparison.paths["gd"].work, comparison.paths["sgd"].work) == (569, 8)


def test_every_key_of_the_file_is_a_key_and_every_default_is_that_of_python():
    written = yaml.safe_load((nodes.conf_folder() / "compare.yaml").read_text(encoding="utf-8"))
    del written["defaults"], written["hydra"]
    assert {*written, *(f"run.{key}" for key in written["run"])} == set(KEYS)
    assert resolve(written).config == resolve({}).config


def test_help_and_the_configuration_are_shown_by_hydra(padl_command):
    code, out, _ = padl_command("compare", "--cfg", "job", "surface=beale")
    assert code == 0
    assert yaml.safe_load(out)["surface"] == "beale"


def test_a_table_says_where_a_better_rate_may_lie_beyond_those_tried(left):
    notes = list(report.notes(left.comparison))
    assert any("smallest or largest that was tried" in note for note in notes) == any(
        chosen.rate in (0, 2) or (chosen.good and {*chosen.good} & {*left.comparison.paths[k].rates[[0, 2]]})
        for k, chosen in left.comparison.chosen.items()
    )


@pytest.fixture(scope="module")
def network(small_run):
    """A slice of the loss of a trained network, on few rows."""
    return resolve({"surface": "network", "checkpoint": str(small_run.folder), "rows": 60}).landscape


class TestNetworks:
    def test_the_middle_of_a_slice_is_the_loss_of_the_best_parameters(self, small_run, network):
        data = network.height.args[-1]
        inputs, labels = (data.rows[name][data.split.train] for name in ("inputs", "labels"))
        logits = np.asarray(padl.load(small_run.folder)(inputs), float)
        by_hand = (np.log(np.exp(logits).sum(1)) - logits[np.arange(60), labels]).mean()
        assert heights(network, np.zeros((1, 2)))[0] == pytest.approx(by_hand, rel=1e-4)

    def test_its_lowest_point_is_searched_for_around_it(self, network):
        middle, corner = heights(network, np.array([[0.0, 0.0], [1.0, 1.0]]))
        assert not network.exact
        assert network.floor <= middle < 0.5 * corner
        assert network.floor == pytest.approx(float(heights(network, np.array(network.minima))[0]), abs=1e-5)
        assert "60 of 1,438 rows" in network.name

    def test_optimizers_walk_on_it_on_some_of_its_rows(self, small_run):
        words = {"checkpoint": str(small_run.folder), "rows": 60, "steps": 4, "learning_rates": [0.05]}
        path = padl.trajectories("network", optimizers=["sgd"], batch_size=30, **words).paths["sgd"]
        assert path.losses[0, 0, -1] < path.losses[0, 0, 0]
        assert path.work == 30

    def test_a_run_without_a_network_or_without_its_parameters_is_refused(self, small_run, left, tmp_path):
        walk = padl.train(task="surface", optimizer="gd", steps=2, run={"dir": "runs", "plot": False})
        with pytest.raises(PadlError, match="is of a run without a network"):
            resolve({"surface": "network", "checkpoint": str(walk.folder)})
        with pytest.raises(PadlError, match="names no task: it is not the configuration of a run"):
            resolve({"surface": "network", "checkpoint": str(left.folder)})
        with pytest.raises(PadlError, match="rows=5000 is more than the 1438 training rows"):
            resolve({"surface": "network", "checkpoint": str(small_run.folder), "rows": 5000})


@pytest.fixture
def stranger(monkeypatch):
    """Register an optimizer as a plugin does, for one test."""
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))

    def register(function):
        with registry.origin("stranger 1.0"):
            registry.optimizer()(function)

    padl.names("optimizer")
    return register


def walk(name: str):
    return padl.trajectories("beale", optimizers=["gd", name], steps=3, learning_rates=[0.01])


class TestStrangers:
    def test_a_plugin_walks_by_its_name(self):
        comparison = padl.trajectories("beale", optimizers=["powersign"], steps=5, learning_rates=[0.01])
        assert np.isfinite(comparison.paths["powersign"].losses).all()

    def test_one_without_a_learning_rate_walks_too(self, stranger):
        def steady():
            return optax.stateless(lambda grads, params: jax.tree.map(lambda g: -0.01 * g, grads))

        stranger(steady)
        comparison = walk("steady")
        assert comparison.paths["steady"].rates is None
        assert any(
            "has none" in cell
            for cell in report._line(comparison, "steady", comparison.paths["steady"], comparison.chosen["steady"])
        )

    def test_one_that_raises_is_named_with_what_it_said(self, stranger):
        def squares(learning_rate: ScalarOrSchedule = 0.1):
            def init(params):
                raise ValueError("matrices only: this rule orthogonalises")

            return optax.GradientTransformation(init, lambda g, s, p: (g, s))

        stranger(squares)
        with pytest.raises(
            PadlError, match=r"'squares' cannot walk on a point of 2 numbers: .*matrices only"
        ) as caught:
            walk("squares")
        assert "\n" not in str(caught.value)

    def test_one_that_branches_on_a_traced_value_is_named_with_it(self, stranger):
        def branches(learning_rate: ScalarOrSchedule = 0.1, beta: Scalar = 0.5):
            return optax.sgd(learning_rate) if beta > 0 else optax.sgd(0.0)

        stranger(branches)
        with pytest.raises(
            PadlError, match=r"'branches' cannot walk .* by the value of optimizer\.beta: use jnp\.where"
        ):
            walk("branches")

    def test_a_rate_outside_its_own_domain_is_refused(self, stranger):
        def timid(learning_rate: Annotated[Scalar, Domain(0.0, 1e-3)] = 1e-4):
            return optax.sgd(learning_rate)

        stranger(timid)
        with pytest.raises(PadlError, match=r"learning rate of timid=0.01 is outside its domain \[0, 0.001\]"):
            walk("timid")

    def test_one_whose_learning_rate_is_not_traced_is_refused(self, stranger):
        def baked(learning_rate: float = 0.1):
            return optax.sgd(learning_rate)

        stranger(baked)
        with pytest.raises(PadlError, match="the learning_rate of optimizer 'baked' is no Scalar"):
            walk("baked")


def test_a_comparison_that_is_stopped_says_so_in_its_folder(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        run.run({"optimizers": ["gd"], "steps": 2, "learning_rates": 1, "run": {"dir": str(tmp_path)}}, [])
    (status,) = tmp_path.glob("*/status.json")
    assert json.loads(status.read_text())["status"] == "interrupted"
