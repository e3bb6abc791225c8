"""Packs as wholes: what they say of themselves, and which of them this host has proven."""
