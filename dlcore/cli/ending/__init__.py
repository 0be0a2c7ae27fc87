"""How a command ends: by itself, by an error or on request; with which message and status."""
