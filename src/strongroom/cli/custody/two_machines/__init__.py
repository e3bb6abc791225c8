"""Verbs and helpers for a custodian whose executor stands on another machine."""
