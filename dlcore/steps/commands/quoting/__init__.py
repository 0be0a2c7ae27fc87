"""How the values of task sequence variables get into a command line as data, never as code.

One module for each reader of command lines: a POSIX shell, Windows programs, and PowerShell. Each
takes the parts of a line, as `dlcore.tasksequence.Variables.parts` gives them. The line's own parts
are code, and mean what their author wrote. The values are data: each arrives exactly as it is, or
the line is refused. All of them are pure.
"""

from __future__ import annotations

from dlcore.steps.commands.quoting.quoted import QuotedLine as QuotedLine
