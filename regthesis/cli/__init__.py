"""The command line: thin, a file a group of commands."""

from regthesis.cli import book, data, doctor, record, register, track, train
from regthesis.cli.group import main

__all__ = ["book", "data", "doctor", "main", "record", "register", "track", "train"]
