"""An opened repository: keys, locks, index, blobs, snapshots."""
