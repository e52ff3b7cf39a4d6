"""Instruments that weigh optimizers against each other.

On surfaces: trajectories.py lets them walk, comparison.py holds where they went, choice.py weighs them, report.py
tells, plots.py and animation.py draw. Of what runs left behind, as plain tables: ranking.py has the statistics,
pictures.py the plots. loss_curves.py draws losses. axes.py is what the pictures share.
"""
