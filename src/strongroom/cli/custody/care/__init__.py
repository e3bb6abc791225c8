"""``custody``: the verbs about a repository's care as a whole, a file each."""
