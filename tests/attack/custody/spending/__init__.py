"""Threats against what rounds may take."""
