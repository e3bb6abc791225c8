"""The signed list of good snapshots."""
