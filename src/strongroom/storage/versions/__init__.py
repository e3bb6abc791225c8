"""Older versions of objects, and what protects them."""
