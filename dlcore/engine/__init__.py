"""Runs a task sequence: gates each step on its content, and survives a restart.

The way through the room: `client` opens everything; `session` gates steps on content, ordered by
`lookahead` with the verdicts of `judge`; `content` begins packages, which `download` fetches;
`run` is a whole run: its `runner` takes the steps in turn with an `executor`, its `state` is kept
on disk, and it ends with a `report`. `gather` asks what preflight has to know; `fetch` gets one
package outside any sequence.

Nothing is imported here: who fetches one package does not wait for what runs a sequence.
"""
