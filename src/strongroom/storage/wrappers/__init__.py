"""Stores around a store: retries, throttling."""
