"""The compiled training engine.

experiment.py: init, step, evaluate; loop.py runs them; mesh.py spreads them over devices.

It receives functions and numbers, never names: nothing here knows Hydra, the registry or the disk.
"""
