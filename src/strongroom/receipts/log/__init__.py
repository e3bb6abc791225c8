"""The log as data: leaves, the Merkle tree, tiles, checkpoints, signed notes, promises; no database."""
