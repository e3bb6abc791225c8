"""The signed list of good snapshots, with the installed command and stock programs."""
