"""Instruments that weigh optimizers against each other: ranking.py the statistics, pictures.py the plots.

They read what runs left behind, as plain tables, and train nothing.
"""
