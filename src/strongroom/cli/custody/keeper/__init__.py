"""The verb of a replica's keeper."""
