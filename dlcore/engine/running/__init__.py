"""How a sequence runs: which step comes next, what it needs, and what is on disk about it.

The way through the room: `run` is a whole run with the executor of each step. `session` gates each
step on its content: `lookahead` tells what the next steps need, `step_content` orders it and proves
it. `step_turns` decides which steps run (`skip_rules`, `condition_judge`), and a `turn` follows one
through its attempts. `run_keeper` keeps the `state` on disk, `runs` begins a run or goes on with it
(`resume`), and a run ends with a `report`.
"""
