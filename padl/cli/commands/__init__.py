"""The commands, a module each: `run(arguments: list[str]) -> int` takes the words after the name, returns an exit code.

train.py and compare.py are applications of Hydra, which reads their words; resume.py, rerun.py, runs.py, plot.py,
evaluate.py, predict.py, export.py, list.py, show.py, diff.py, check.py, new.py and backprop.py read theirs by the
room's `Options`, and import what they need after that, so that their help is quick.
"""
