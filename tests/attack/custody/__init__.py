"""Attacks on the custodian, and holes that its design had once."""
