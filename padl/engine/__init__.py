"""The compiled training engine. It receives functions and numbers: nothing here knows Hydra, the registry or the disk.

experiment.py: init, step, evaluate, with batch_gradient.py for the gradient of a batch, dependence.py to tell whether a
rule looks at it, rule_calls.py for what a rule returns, measures.py for what an update is logged by, and keys.py for
random numbers; loop.py runs them, and hands out the state where it is asked for; overflow.py counts what the
optimizer's state could not hold. Of a sweep: lane.py is a whole run as one program, lanes.py many runs in it,
counters.py what of a rule's state they share; packing.py says how many at once, by what operations.py finds in a step,
and sweep.py trains them. mesh.py spreads work over devices, lapack.py keeps what decomposes matrices from waiting,
memory.py tells where it was too much.
"""
