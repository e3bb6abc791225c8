"""Saving what is left: of damaged packs, and of snapshots that are gone."""
