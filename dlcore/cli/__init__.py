"""The command line: one file a command, and what they share.

Results go to standard output, everything else to standard error. Errors are one clear message
with a remedy and a documented exit status; nothing heavier than click is imported before a
command needs it.
"""

from dlcore.cli.app import main as main

__all__ = ["main"]
