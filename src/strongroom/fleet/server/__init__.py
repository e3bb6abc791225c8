"""The fleet's server: who may report, what was reported, which backup did not happen, and who is told.

It holds no password and no key of a repository or a store, and imports nothing that could use one.
"""
