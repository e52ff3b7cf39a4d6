"""What a run leaves behind. record.py: its folder; sink.py: where metrics go; the others are the places.

The folder is the truth, written line by line as the run goes; the console and W&B follow.
"""
