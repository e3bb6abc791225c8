"""One pass over the files to any number of repositories."""
