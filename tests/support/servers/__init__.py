"""Servers that tests run: gateways, object storage, databases, and liars between."""
