"""An opened repository: keys, locks, index, blobs, snapshots.

Where to begin: ``opening.initialise`` and ``opening.open_repository`` give a ``opened.Repository``.
"""
