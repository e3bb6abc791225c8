"""``gateway serve``, and what an operator does on the gateway's machine: a file a verb."""
