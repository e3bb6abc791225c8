"""Repositories in folders of this machine: intake, leftovers, the trash."""
