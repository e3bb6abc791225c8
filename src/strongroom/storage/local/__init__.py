"""A repository in a folder of this machine."""
