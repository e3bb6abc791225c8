"""Dumps of databases as streams that are saved only when they are whole."""
