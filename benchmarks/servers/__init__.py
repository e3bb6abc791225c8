"""The trial over which the gateway's HTTP server was chosen; its table stands in docs/gateway-server.md."""
