"""``custody``: the custodian's verbs, a file each."""
