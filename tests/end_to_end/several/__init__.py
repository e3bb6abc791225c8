"""Several repositories in one command."""
