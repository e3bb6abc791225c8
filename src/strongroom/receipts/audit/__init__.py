"""Checking somebody's log, and remembering what was seen of it."""
