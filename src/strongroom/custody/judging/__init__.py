"""Judging snapshots: complete or not, like those before or not, with a reason for each suspicion."""
