"""The compiled training engine.

experiment.py: init, step, evaluate; loop.py runs them; program.py is a whole run as one program, lanes.py many runs in
it, sweep.py runs these; mesh.py spreads them over devices.

It receives functions and numbers, never names: nothing here knows Hydra, the registry or the disk.
"""
