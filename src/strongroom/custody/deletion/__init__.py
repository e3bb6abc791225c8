"""Deleting slowly, the judge's side: signed plans, condemned packs, what is needed again. Nothing here removes."""
