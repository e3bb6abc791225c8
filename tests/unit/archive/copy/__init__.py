"""Copying snapshots."""
