"""Hydra, at the edge of PADL: a command line becomes one configuration, or the configurations of many runs.

app.py runs Hydra's application and holds the task functions that Hydra calls; nodes.py says where conf/ lies and makes
a node for every registered entry; arguments.py reads words KEY=VALUE, changes.py those that change a recorded run;
words.py refuses those that Hydra would take in another way, or not use; errors.py turns what Hydra refuses into one
line; jobs.py composes the jobs of a sweep, and typed.py lets what was typed rule over files; ranges.py reads what a
search may draw; search.py is the sweeper of optuna.
"""
