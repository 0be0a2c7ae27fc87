"""What a fetch outside any task sequence is about: what is wanted, where it is, where it goes."""
