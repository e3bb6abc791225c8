"""What comes in through sockets: connections, bodies, whose they are, and how much of it is taken from whom."""
