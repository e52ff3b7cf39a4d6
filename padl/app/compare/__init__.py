"""`padl compare`: optimizers on a surface, from a configuration to a folder.

settings.py has its keys, landscapes.py the surfaces by their names, plan.py checks all of it before anything is
compiled, run.py runs it and writes what it gave, readable.py shows it at the prompt and in a notebook.
"""
