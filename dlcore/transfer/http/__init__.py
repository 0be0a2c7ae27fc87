"""The HTTP client: everything between a URL and the bytes of a response."""
