"""Changes of a policy that let more go: they wait, and everybody sees them."""
