"""What a command tells while it works: rows and lines for people, events for programs."""
