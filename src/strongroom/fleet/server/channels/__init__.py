"""Ways by which alerts reach people: each says one message, or raises; what to send when is decided elsewhere."""
