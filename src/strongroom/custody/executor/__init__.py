"""The executor: it alone removes, believes only what it saw itself, and can decrypt nothing."""
