"""The processes of a gateway: start, supervisor, workers."""
