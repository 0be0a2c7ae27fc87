"""The demonstration: an in-place upgrade over the internet, its packages arriving just in time."""
