"""Drills: restores that are made to prove that restoring works, and finding the last good version of a path."""
