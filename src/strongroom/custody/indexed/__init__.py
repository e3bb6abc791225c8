"""Which packs the listed and true indexes name: what is in none of them is there, and stock restic finds it not."""
