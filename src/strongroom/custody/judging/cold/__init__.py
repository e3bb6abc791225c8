"""Files that nobody had touched for long and that became something else: encryption that takes weeks."""
