"""What rewrites a repository and removes from it: pruning, forgetting, repairing."""
