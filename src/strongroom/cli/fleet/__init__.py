"""The verbs of the fleet's server."""
