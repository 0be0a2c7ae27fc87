"""Options that are not on the command line: their names, their values, and who set them."""
