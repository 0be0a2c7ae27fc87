"""What starts, watches and ends the command of a step.

The way through the room: a step type says what to start as a `Command` for a `Scene` (``process``).
``quoting`` puts the values of variables into a command line as data; on Windows ``windows_command``
finds the program, with ``associations`` for what is not a program and ``wow64`` for which copy of
it. ``run_as`` tells whether another account is asked for. `process.Commands` starts it in its
``working_folder``, with its ``step_environment``. While it runs, ``command_output`` passes on what
it prints: without secrets (``masking``), and with its end kept (``output_tail``). Afterwards
``answers`` reads the variables that it sets. ``process_tree`` ends it with all that it has started:
``posix_tree``, or on Windows ``windows_tree`` and its ``windows_job``.
"""
