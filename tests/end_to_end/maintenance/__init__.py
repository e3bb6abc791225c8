"""What a user types to keep repositories in order, and what comes of it."""
