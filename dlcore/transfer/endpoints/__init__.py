"""The kinds of endpoints."""
