"""Copying snapshots from one repository to others."""
