"""What rounds may take, and what they would take, on the command line."""
