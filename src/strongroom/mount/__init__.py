"""A repository as a file system: its snapshots as folders, read-only, over FUSE."""
