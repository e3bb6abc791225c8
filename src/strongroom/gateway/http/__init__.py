"""HTTP/1.1 over threads: a thread and a buffer for each connection, blocking reads as back-pressure.

Why our own: ``docs/gateway-server.md`` has the table of what was tried.
"""
