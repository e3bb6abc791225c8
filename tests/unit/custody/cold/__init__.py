"""Encryption that takes weeks, and honest work that looks like it."""
