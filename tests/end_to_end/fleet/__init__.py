"""The fleet's server as its operator and its hosts meet it: the installed command, real sockets, real databases."""
