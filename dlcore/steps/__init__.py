"""What the steps of a task sequence do when they run.

The way through the room: ``registry`` names the executor of each step type; an executor gets a
`Job` and answers with an `Outcome` (``interface``). ``command_line`` and ``powershell`` say what is
to be started, with ``quoting``, ``working_folder`` and ``step_environment``; ``process`` starts it,
and ends it with its ``process_tree``; ``command_output`` keeps the end of what it prints, and
``answers`` reads the variables that it sets. ``install_package`` runs published programs,
``installed`` finds the executors of other packages, and ``simulation`` stands in for all.
"""
