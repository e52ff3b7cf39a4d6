"""Instruments that compare optimizers, settings of a sweep, and losses.

Optimizers on surfaces: trajectories.py lets them walk, by the program of walk.py; tuning.py chooses the learning rate
of each; comparison.py holds what came of it, and report.py puts it in numbers. surface_plots.py draws it, with
surface_progress.py and surface_rates.py; animation.py makes a race of it. These stand on surface_stage.py,
surface_ground.py, surface_axes.py and surface_captions.py. loss_slice.py makes a surface of a trained network's loss.

Settings of a sweep, from tables that runs left behind: statistics.py ranks them; sweep_plots.py draws them, with
sweep_lines.py, sweep_maps.py and sweep_curves.py, all from the table of sweep_table.py.

Runs together: run_curves.py. Losses: loss_curves.py. plot_style.py gives all pictures one look, and value_axis.py axes
on which differences show.
"""
