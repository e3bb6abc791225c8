"""Whether blobs really lie where an index says: what a prune finds out before anything goes."""
