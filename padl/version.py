"""The version of PADL."""

__version__ = "0.1.0"
