"""Deliberate mistakes in plugins, as data: what each file holds, and what the line that answers it says.

The line to be named is marked `# here`. Each file has one optimizer, `mine`, or would.
"""

from typing import NamedTuple

HEAD = """\
import jax
import jax.numpy as jnp
import numpy as np
import optax
from typing import Annotated, Any, Literal, NamedTuple
from padl import registry
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.treewise import treewise
from padl.registry import optimizer
from padl.types import Domain, Optimizer, Scalar, ScalarOrSchedule
"""


class Mistake(NamedTuple):
    """A plugin with a mistake: its file, and texts that are in the line that answers it."""

    source: str
    says: tuple[str, ...]

    @property
    def line(self) -> int:
        """The line that is to be named; 0 where none is."""
        return next((i for i, text in enumerate(self.source.splitlines(), 1) if text.endswith("# here")), 0)


def signature(arguments: str, *says: str, decorator: str = "@optimizer()") -> Mistake:
    """An optimizer with more arguments."""
    body = "    'Mine.'\n    return optax.sgd(learning_rate)\n"
    rate = "learning_rate: ScalarOrSchedule = 0.1"
    return Mistake(f"{HEAD}\n{decorator}  # here\ndef mine({rate}{arguments}):\n{body}", says)


def decorated(decorator: str, *says: str) -> Mistake:
    """An optimizer under another decorator."""
    return signature("", *says, decorator=decorator)


def rule(
    direction: str, *says: str, init: str = "return Slots(0 * p)", takes: str = "g, s, p, t", at: str = "direction"
) -> Mistake:
    """A rule for one array, by the bodies of its two functions; `at`: the one that is named where no line of it is."""
    return _two_functions(("init", "p", init), ("direction", takes, direction), "leafwise", says, at)


def transformation(update: str, *says: str, init: str = "return jnp.zeros((), jnp.int32)", at: str = "mine") -> Mistake:
    """An Optax transformation, by the bodies of its two functions; `at`: what is named, here what is registered."""
    return _two_functions(("init", "params", init), ("update", "grads, state, params=None", update), "optax", says, at)


def _two_functions(first: tuple, second: tuple, made_by: str, says: tuple[str, ...], at: str) -> Mistake:
    bodies = first[2] + second[2]
    made = {
        "leafwise": "descend(leafwise(init, direction), learning_rate)",
        "optax": "optax.GradientTransformation(init, update)",
    }
    mark = lambda name: "  # here" if name == at and "# here" not in bodies else ""  # noqa: E731
    lines = [
        f"{HEAD}KEPT = []",
        "class Slots(NamedTuple):",
        "    m: Any",
        "class Count(NamedTuple):",
        "    count: Any",
        "    history: Any = None",
        "class Box:",
        "    pass",
        f"@optimizer(reference='Nobody 2020'){mark('mine')}",
        "def mine(learning_rate: ScalarOrSchedule = 0.1, momentum: Scalar = 0.9):",
        "    'Mine.'",
        *(f"    def {name}({takes}):{mark(name)}\n        {body}" for name, takes, body in (first, second)),
        f"    return {made[made_by]}",
    ]
    return Mistake("\n".join(lines) + "\n", says)


PLAIN = "is no plain data"
AT_LOAD: dict[str, Mistake] = {
    # annotations and signatures
    "annotation that is not there": signature(
        ', m: "Skalar" = 0.9', "'Skalar' is not defined", "did you mean 'Scalar'?"
    ),
    "annotation that does not parse": signature(', m: "a number" = 0.9', "an annotation cannot be read"),
    "keywords": signature(", **more", "its signature has **more: write each argument out"),
    "positionals": signature(", *more", "its signature has *more: write each argument out"),
    "argument called name": signature(", name: str = 'x'", "an argument cannot be called 'name'"),
    "argument called wrap": signature(", wrap: str = 'x'", "an argument cannot be called 'wrap'"),
    "argument in Greek": signature(", β: Scalar = 0.9", "its argument 'β' cannot be given on a command line"),
    # defaults
    "NumPy default": signature(", eps: Scalar = np.float32(1e-8)", PLAIN, "write the number, eps=1e-08"),
    "float64 default": signature(", eps: Scalar = np.float64(1e-8)", PLAIN, "write the number, eps=1e-08"),
    "JAX default": signature(", eps: Scalar = jnp.asarray(1e-8)", PLAIN, "write the number, eps=1e-08"),
    "dtype default": signature(", kept_in: Any = jnp.float32", "its default kept_in=float32", PLAIN, "write text"),
    "function default": signature(", shape: Any = lambda x: x", "its default shape=<lambda>", PLAIN),
    "list default": signature(", decays: Any = [0.9]", PLAIN, "write a tuple, decays=(0.9,)"),
    "dict default": signature(", more: Any = {}", PLAIN, "write more=None, and make it in the function"),
    "default of another type": signature(", k: int = 0.5", "its default k=0.5 is not a whole number"),
    "default that is no choice": signature(", kind: Literal['a', 'b'] = 'c'", "kind='c' is not one of a, b"),
    "None for a number": signature(", eps: Scalar = None", "its default eps=None is not a number"),
    "transformation as default": signature(", inner: Optimizer = optax.sgd(0.1)", "its default inner=", PLAIN),
    "default outside of the domain": signature(
        ", momentum: Scalar = 1.0",
        "its default momentum=1.0 is outside its domain [0, 1), that of PADL's word 'momentum'",
        "momentum: Annotated[Scalar, Domain(low, high)] has its own",
    ),
    "default outside of a word's domain": signature(
        ", every: int = 10",
        "its default every=10 is outside its domain (0, 1), that of PADL's word 'every'",
        "every: Annotated[int, Domain(low, high)] has its own",
    ),
    "default outside of its own domain": signature(
        ", alpha: Annotated[Scalar, Domain(0, 1)] = 2.0",
        "alpha=2.0 is outside its domain [0, 1], as its annotation says",
    ),
    "defaults in conflict": decorated("@optimizer(conflict=lambda v: 'do nothing')", "in conflict: do nothing"),
    "conflict that fails": decorated("@optimizer(conflict=lambda v: v['x'])", "its conflict= fails for its defaults"),
    "Domain the wrong way round": Mistake(
        f"{HEAD}\nALPHA = Domain(1.0, 0.0)  # here\n", ("Domain(1.0, 0.0) holds no number", "low < high")
    ),
    "Domain with a range outside": Mistake(
        f"{HEAD}\nALPHA = Domain(0.0, 1.0, search=(0.5, 2.0))  # here\n", ("its search range (0.5, 2.0) is no part of",)
    ),
    # decorators
    "no parentheses": decorated("@optimizer", "@optimizer above mine stands without parentheses: write @optimizer()"),
    "name by position": decorated("@optimizer('mine')", "a name is given as @optimizer(name='mine')"),
    "familly": decorated("@optimizer(familly='x')", "has no word 'familly'; did you mean 'family'?"),
    "refrence": decorated("@optimizer(refrence='x')", "has no word 'refrence'; did you mean 'reference'?"),
    "bacth": decorated("@optimizer(bacth='all')", "has no word 'bacth'; did you mean 'batch'?"),
    "batch='whole'": decorated("@optimizer(batch='whole')", "no batch='whole': @optimizer takes 'all'"),
    "moves_norm='yes'": decorated(
        "@optimizer(moves_norm='yes')", "no moves_norm='yes': @optimizer takes True or False"
    ),
    "family=3": decorated("@optimizer(family=3)", "no family=3: @optimizer takes text"),
    "targets of a loss": Mistake(
        f"{HEAD}\n@registry.loss(targets='label')  # here\ndef mine(predictions, targets): 'Mine.'\n",
        ("no targets='label': @loss takes one of", "did you mean 'labels'?"),
    ),
    "targets of an optimizer": decorated("@optimizer(targets='labels')", "@optimizer has no word 'targets'"),
    "name with a space": decorated("@optimizer(name='my rule')", "'my rule' cannot be selected as optimizer=NAME"),
    "name with a comma": decorated("@optimizer(name='a,b')", "'a,b' cannot be selected as optimizer=NAME"),
    "name that is a number": decorated("@optimizer(name='1e3')", "cannot be selected", "read as a value"),
    "name null": decorated("@optimizer(name='null')", "cannot be selected", "read as a value"),
    "lambda without a name": Mistake(
        f"{HEAD}\noptimizer()(lambda: optax.sgd(0.1))  # here\n", ("'<lambda>' cannot be selected",)
    ),
    "Optax's lion": Mistake(
        f"{HEAD}\noptimizer(name='mine')(optax.lion)  # here\n",
        ("'ArrayTree' is not defined, in optax", "register a function of your own that calls it"),
    ),
    # other kinds
    "loss with keywords": Mistake(
        f"{HEAD}\n@registry.loss()  # here\ndef mine(predictions, targets, **more): 'Mine.'\n",
        ("signature has **more",),
    ),
    "model with a list": Mistake(
        f"{HEAD}\n@registry.model()  # here\ndef mine(shape, outputs, *, rngs, widths: tuple = [8]): 'Mine.'\n",
        ("write a tuple, widths=(8,)",),
    ),
    "schedule outside of a word's domain": Mistake(
        f"{HEAD}\n@registry.schedule()  # here\ndef mine(fraction, *, warmup: Scalar = 100.0): 'Mine.'\n",
        ("its default warmup=100.0 is outside its domain [0, 1], that of PADL's word 'warmup'",),
    ),
    "task with a wrong loss": Mistake(
        f"{HEAD}\n@registry.task(loss=3)  # here\ndef mine(rows: int = 10): 'Mine.'\n",
        ("no loss=3: @task takes a name, or a mapping",),
    ),
    # imports
    "name that is taken": decorated("@optimizer(name='adam')", "'adam' is there twice, one from padl, one from"),
    "syntax": Mistake("def mine(: pass  # here\n", ("SyntaxError: invalid syntax",)),
    "import of what is not there": Mistake("import nothing_of_the_kind  # here\n", ("ModuleNotFoundError: No module",)),
    "sys.exit": Mistake(f"{HEAD}\nraise SystemExit('gone')  # here\n", ("SystemExit: gone",)),
}

HINTS: dict[str, Mistake] = {
    "float": signature(", momentum: float = 0.9", "momentum: annotated float", "Scalar is data"),
    "no annotation": signature(", momentum=0.9", "momentum has no annotation"),
    "beta1": signature(", beta1: Scalar = 0.9", "beta1: did you mean b1?"),
    "lr": Mistake(
        f"{HEAD}\n@optimizer()\ndef mine(lr: ScalarOrSchedule = 0.1): return optax.sgd(lr)\n",
        ("lr: did you mean learning_rate?",),
    ),
    "no docstring": Mistake(f"{HEAD}\n@optimizer()\ndef mine(): return optax.sgd(0.1)\n", ("it has no docstring",)),
    "no reference": decorated("@optimizer()", "it has no reference"),
    "no default": Mistake(
        f"{HEAD}\n@optimizer()\ndef mine(learning_rate: ScalarOrSchedule): return optax.sgd(learning_rate)\n",
        ("learning_rate has no default",),
    ),
}  # each works

NOTES: dict[str, Mistake] = {
    "x64": Mistake(f"{HEAD}\njax.config.update('jax_enable_x64', True)\n", ("sets jax_enable_x64=True", "put back to")),
    "print": Mistake(f"{HEAD}\nprint('hello')\nprint('again')\n", ("its import prints 'hello' and more",)),
}  # each works

BRANCH = "decides a Python branch by"
AT_USE: dict[str, Mistake] = {
    # branches
    "branch on a Scalar": rule(
        "return (g if momentum > 0.5 else -g), s  # here", BRANCH, "the value of optimizer.momentum", "annotate"
    ),
    "branch on the gradient": rule(
        "return (g if (g > 0).all() else -g), s  # here", BRANCH, "a traced value: use jnp.where or jax.lax.cond"
    ),
    "branch on the step": rule("return (g if t > 3 else -g), s  # here", BRANCH, "a traced value"),
    # the learning rate of a run is a schedule
    "product with the learning rate": transformation(
        "return jax.tree.map(lambda g: -learning_rate * g, grads), state  # here", "is a schedule", "descend(rule"
    ),
    "comparison with the learning rate": transformation(
        "return (grads if learning_rate > 0 else grads), state  # here", "is a schedule", "descend(rule"
    ),
    # what the functions of a rule return and take
    "direction that returns None": rule("g + s.m", "direction of a rule returns (direction, slots), and not None"),
    "direction that returns the direction alone": rule(
        "return g", "direction of a rule returns (direction, slots), and not an array"
    ),
    "direction with three arguments": rule(
        "return g, s", "direction of a rule is called with (g, s, p, t), and this one takes (g, s, p)", takes="g, s, p"
    ),
    "slots that are an array": rule(
        "return g, s", "returns a NamedTuple of slots", "not an array", init="return 0 * p", at="init"
    ),
    "slots that are a tuple": rule(
        "return g, s", "NamedTuple of slots", "not a tuple", init="return 0 * p, 0 * p", at="init"
    ),
    "slots that are a dict": rule(
        "return g, s", "NamedTuple of slots", "not a dict", init="return {'m': 0 * p}", at="init"
    ),
    "slots of another kind": rule("return g, ()", "returned slots that are a tuple, and init a Slots"),
    "slot of another shape": rule("return g, Slots(g[None])", "returned a slot m of another form than it had"),
    "slot that is text": rule(
        "return g, s", "init of a rule returned a slot m with a str", init="return Slots('x')", at="init"
    ),
    "slot that becomes a Box": rule("return g, Slots(Box())", "direction of a rule returned a slot m with a Box"),
    "optimizer that returns None": Mistake(
        f"{HEAD}\n@optimizer()  # here\ndef mine(rate: Scalar = 0.1):\n    optax.sgd(rate)\n",
        ("returned None, and an optimizer is an Optax transformation",),
    ),
    "optimizer that returns a rule": Mistake(
        f"{HEAD}\n@optimizer()  # here\ndef mine():\n    return leafwise(lambda p: (), lambda g, s, p, t: (g, s))\n",
        ("returned a rule: end in descend(rule, learning_rate)",),
    ),
    # what a transformation returns
    "update that returns None": transformation(
        "pass", "update of the optimizer returns (updates, state), and not None"
    ),
    "update that returns updates alone": transformation(
        "return grads", "update of the optimizer returns (updates, state), and not a dict"
    ),
    "updates of another shape": transformation(
        "return jax.tree.map(lambda g: g[None], grads), state", "returned updates", "they must be alike"
    ),
    "updates of another dtype": transformation(
        "return jax.tree.map(lambda g: g.astype(jnp.bfloat16), grads), state", "bfloat16", "they must be alike"
    ),
    "list that grows": transformation(
        "return grads, Count(state.count, [*state.history, state.count])",
        "the optimizer's state has an array at .history[0] after an update that it did not have before",
        init="return Count(jnp.zeros(()), [])",
    ),
    "None first": transformation(
        "return grads, Count(state.count, state.count)",
        "the optimizer's state has an array at .history after an update that it did not have before",
        init="return Count(jnp.zeros(()))",
    ),
    "count that becomes float": transformation(
        "return grads, Count(state.count + 1.0)",
        "the optimizer's state.count is int32[] before an update and float32[] after it: a state has one form",
        init="return Count(jnp.zeros((), jnp.int32))",
    ),
    "Python count that becomes float": transformation(
        "return grads, Count(state.count * 0.5)", "is int32[] before", "float32[] after", init="return Count(0)"
    ),
    "Box in the state": transformation(
        "return grads, state", "init of the optimizer returned a state with a Box at .count", init="return Count(Box())"
    ),
    "text in the state": transformation(
        "return grads, state", "returned a state with a str at .count", init="return Count('x')"
    ),
    # what JAX and Python say
    "error in a rule": rule("return g + jnp.ones(77), s  # here", "TypeError: add got incompatible shapes"),
    "scan whose carry changes": transformation(
        "_, x = jax.lax.scan(lambda c, _: (1.0 * c, c), jnp.int32(1), length=2); return grads, state  # here",
        "must have equal types",
        "but they differ: The input carry",
    ),
    "tracer kept in a global": transformation(
        "KEPT.append(jax.tree.leaves(grads)[0]); return jax.tree.map(lambda g: 0 * (g + KEPT[0].sum()), grads), state",
        "a value is used that was computed while JAX traced another function",
        "return it in the state instead",
    ),
}  # of a run on a surface
