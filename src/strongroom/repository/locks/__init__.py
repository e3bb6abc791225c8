"""Locks of a repository as restic has them: ours while we hold them, those of others, and removing stale ones."""
