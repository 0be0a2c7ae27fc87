"""Thirty habits of people who download, tried with dlcore and with what they use today."""
