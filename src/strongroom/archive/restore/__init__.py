"""Bringing a snapshot back into a folder."""
