"""Many runs in few compiled programs: a grid, a search, or what `padl train -m` lists.

members.py has what is asked for and how far each member has come; programs.py groups those that share a program;
run.py trains the programs in order, program_run.py each of them; records.py keeps the members' folders; selection.py
says what they are judged by; results.py what the sweep came to; sweep_config.py what its W&B run is filtered by.
program_snapshots.py saves the lanes of a program; recorded.py reads what an earlier process left, and resume.py goes on
with it. grid.py is `padl.sweep`; search.py draws trials from the ranges of search_space.py by optuna (optuna_study.py).
"""
