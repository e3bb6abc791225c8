"""The signed list of good snapshots: its form, what stands in it, and when a round writes one."""
