"""The composition root: names become functions here.

main.py the command; configs.py Hydra; settings.py what a run can be told; resolve.py checks it and looks the names up;
train.py runs it; saved.py what a run left; show.py the listings.
"""
