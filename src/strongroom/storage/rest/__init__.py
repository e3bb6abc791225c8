"""A repository on a REST server."""
