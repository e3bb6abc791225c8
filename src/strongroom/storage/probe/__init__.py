"""What a provider really does, found out by asking it."""
