"""The custodian: reads and checks what hosts store off-site, judges it, and plans what may go.

It runs on a machine that no host can reach, with a key of its own to each repository. Whatever a host wrote is a hint
until it was read here. Nothing in this package deletes.
"""
