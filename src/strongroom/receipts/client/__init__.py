"""The client's side: promises that it was given, and whether the log keeps them."""
