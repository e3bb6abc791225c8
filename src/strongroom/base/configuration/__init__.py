"""Files of configuration: the reader of all of them, the checks of their values, and the client's own tables."""
