"""What the user sees: on a terminal, in a log file, or as JSON events."""
