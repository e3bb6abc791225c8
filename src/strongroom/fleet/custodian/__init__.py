"""The custodian in its fleet: what it states of repositories in its care. It dials the server; nothing dials it."""
