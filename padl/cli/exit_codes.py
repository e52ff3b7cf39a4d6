"""Exit codes of the command `padl`."""

DONE = 0
MISTAKE = 2  # in the command, the configuration or the data
DIVERGED = 3
INTERRUPTED = 130  # by Ctrl-C: 128 + SIGINT
