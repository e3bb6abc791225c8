"""From what is wrong to messages: one open alert for a watch and kind, and as few messages as tell all of it."""
