"""Trying, harmlessly, what must not work with each credential of a deployment."""
