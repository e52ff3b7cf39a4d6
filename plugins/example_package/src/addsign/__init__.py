"""Plugins for PADL, of one paper (Bello et al. 2017): optimizers.py and schedules.py."""
