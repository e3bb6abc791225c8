"""Words of a command line: the parser, options that verbs share, and values."""
