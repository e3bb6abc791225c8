"""Backups that survive the host that makes them, in restic's repository format and protocol."""
