"""Runs a task sequence: gates each step on its content, and survives a restart.

The way through the room: `client` opens everything; `session` gates steps on content, ordered by
`lookahead` with the verdicts of `condition_judge`; `content` begins packages, which `download/`
fetches; `step_turns` decides which steps run and a `turn` follows one; `run_keeper` keeps the
`state` on disk, and a run ends with a `report`. `run` is a whole run with the executor of each
step. `preflight_facts` collects what preflight has to know. `fetching/` gets packages outside any
sequence: `sources` opens the endpoints, `finding` finds the manifests, `placing` finds the place of
each; what a `joint_download` brings, `delivery/` puts there.

Nothing is imported here, so a fetch of one package does not import what runs a sequence.
"""
