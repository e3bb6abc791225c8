"""What hosts stored is parsed here first: in this process, or in a child that can do nothing else."""
