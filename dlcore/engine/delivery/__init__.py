"""Where content goes in the end, and what is there already."""
