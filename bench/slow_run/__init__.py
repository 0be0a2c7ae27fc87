"""A run that is slow for known reasons, and the report that must tell them."""
