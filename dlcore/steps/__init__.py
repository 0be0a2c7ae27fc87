"""What the steps of a task sequence do when they run.

The way through the room: ``registry`` names the executor of each step type; an executor gets a
`Job` and answers with an `Outcome` (``interface``). ``command_line`` and ``powershell`` say what is
to be started, with ``quoting`` and ``step_environment``; ``process`` starts it and leaves nothing
running behind; ``answers`` reads the variables that it sets. ``simulation`` stands in for all.
"""
