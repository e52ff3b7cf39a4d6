"""JAX functions run as graphs.

trace.py     trace(f, *args): any JAX function
formula.py   formula("(x + y) * z", x=-2, y=5, z=-4): a formula, in float64
forward.py   walks a jaxpr equation by equation, and into the functions that it calls
backward.py  goes back over the tape, adding gradients in the order of `jax.grad`
tape.py      what was run: values, and the vector-Jacobian product of each operation
vjp.py       the vector-Jacobian product of one operation
leaves.py    the two ends: names of the arguments' leaves, cotangents of the results'
internals.py all of JAX that is not its public face
"""
