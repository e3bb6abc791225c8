"""Telling other programs how repositories stand: metrics, and the sign that all is well."""
