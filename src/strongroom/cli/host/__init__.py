"""The verbs of a host in a fleet."""
