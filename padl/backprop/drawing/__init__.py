"""A graph shown: as a circuit, a table, an animation; a model's gradients by depth.

typeset.py          numbers, rules and names as they are set in print
labels.py           what is written about a node: the sign in its box, its operands, its rule
terminal.py         a table for the terminal, a line for each value
dot.py              the language of graphviz
geometry.py         boxes with ports, and where they lie
graphviz_layout.py  a layout by the program `dot`
layered_layout.py   a layout in columns, in plain Python
layout.py           the first of these two that works
cells.py            what is drawn of each node, and how large that is
circuit.py          a circuit as PNG, SVG and DOT files
frames.py           a circuit one step at a time: what happens, in words
animation.py        these frames as a GIF
page.py             these frames as one page of HTML, from steps.html
gradient_depth.py   how large gradients are, layer by layer
"""
