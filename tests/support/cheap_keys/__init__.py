"""Repositories whose key costs a few milliseconds to open, not two thirds of a second of both cores in each command."""
