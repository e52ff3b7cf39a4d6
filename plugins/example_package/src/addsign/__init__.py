"""Plugins for PADL: an optimizer in optimizers.py, a schedule in schedules.py."""
