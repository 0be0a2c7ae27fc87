"""What the comparisons with other programs share: which they are, and how a command is run."""
