"""Setting aside what a host planted: indexes that lie, junk, keys that nobody announced. Always restorable."""
