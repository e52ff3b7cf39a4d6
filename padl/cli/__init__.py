"""The command line: words in; text and exit codes out. Nothing below knows of it.

main.py the table of commands; commands/ one file each; options.py their words and help; hydra/ the words KEY=VALUE of
training and comparing; completion.py in the shell; streams.py for readers who left. What they print:
formatting.py numbers and lines, tables.py runs and sweeps, run_table.py lists of runs, listing.py and cards.py what is
registered, check_report.py what comes of checks, check_card.py what is measured of an optimizer, docstrings.py text
that fits a terminal, backprop_report.py circuits and layers, predictions.py what a model says of new rows, sync_line.py
how W&B gets offline runs.
"""
