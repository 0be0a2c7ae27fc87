"""How the system starts the agent, looks after it and ends it, and what the agent tells it.

The way through the room: `installing` has the system run the agent, after `install_checks`. On
Linux the units of `systemd_units` do it, which `systemd_installing` puts in place; on Windows an
entry of `windows_registration`. While the agent runs, `service_manager` tells whoever started it
how it is: `systemd` or `windows_service`.
"""
