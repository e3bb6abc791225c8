"""HTTP/1.1 over threads: one thread for each connection, sendfile for bodies.

Why our own: ``docs/decisions/0034-http-server.md`` has the table of what was tried.
"""
