"""The trial over which the gateway's HTTP server was chosen; its table stands in docs/decisions/0034-http-server.md."""
