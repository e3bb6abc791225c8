"""Repositories in object storage: intake by way of a spool, locks in the database, the log beside the objects."""
