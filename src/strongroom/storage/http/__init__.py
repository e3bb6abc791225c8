"""HTTP/1.1 for the stores: connections, requests, uploads."""
