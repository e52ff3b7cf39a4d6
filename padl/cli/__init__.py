"""The composition root: names become functions here.

main.py the command; configs.py Hydra; settings.py what a run can be told; resolve.py looks the names up and
checks them, with fit.py; train.py runs a plan, with cache.py, clock.py and summary.py; saved.py what a run left;
show.py the listings.
"""
