"""The background process that has content before it is asked for, and how programs talk to it."""
