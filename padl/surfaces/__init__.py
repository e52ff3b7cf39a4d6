"""Surfaces that optimizers walk on, over points of one or two numbers, or over matrices.

functions.py has formulas with known minima, which a task and landscapes are made of. landscape.py is what a comparison
needs of any surface: a height, a box, the lowest points. Landscapes are made of formulas by function_landscapes.py,
of a table of tumours by logistic.py, of matrices by matrix_landscapes.py, of a function from Python by own_function.py.
"""
