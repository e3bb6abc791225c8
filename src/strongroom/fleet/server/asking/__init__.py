"""What an operator may ask of a host: a job of its own file, by name, where the host's file lets it be asked."""
