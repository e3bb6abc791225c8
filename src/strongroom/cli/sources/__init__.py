"""Backups of the sources of the configuration file, with their hooks and databases."""
