"""The settings of a bucket as they were pinned, and what became of them (threats S-3, S-4, S-6)."""
