"""Runs a task sequence: gates each step on its content, and survives a restart.

The way through the room: `client` opens everything; `session` gates steps on content, ordered by
`lookahead` with the verdicts of `condition_judge`; `content` begins packages, which `download`
fetches; a session's `step_turns` decide which steps run and a `turn` follows one; its `run_keeper`
keeps the `state` on disk, and it ends with a `report`. `run` is a whole run with an `executor`.
`preflight_facts` collects what preflight has to know; `fetch` gets one package outside any
sequence, whose endpoints `sources` opens and whose manifest `wanted` finds; `fetch_many` gets
several, each to the place that `placing` finds. Both deliver what a `joint_download` brings.

Nothing is imported here, so a fetch of one package does not import what runs a sequence.
"""
