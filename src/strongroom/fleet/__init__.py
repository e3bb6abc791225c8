"""Hosts that report, and the server that says which backup did not happen. docs/concepts/fleet.md is the page of it."""
