"""Commands around a backup, and the journal of those that must run in any case."""
