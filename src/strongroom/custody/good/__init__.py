"""The signed list of good snapshots beside a repository, for the day on which `latest` is another's."""
