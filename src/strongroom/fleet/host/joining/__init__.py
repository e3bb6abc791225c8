"""Joining a fleet: from a token to a host that backs itself up and reports; the same command goes on after a kill."""
