"""Files of ours beside a repository, below `.strongroom/`: created, never replaced."""
