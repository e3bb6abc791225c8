"""What others say of a repository and how it is held against what we saw: a gateway's log, clocks, keys that wait."""
