"""A machine that takes another one's place: the same name and watches, another key, never both at once."""
