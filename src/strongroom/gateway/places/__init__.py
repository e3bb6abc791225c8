"""Where repositories are: one contract, kept by a folder and by a bucket."""
