"""How fast, how large, how much memory: measured beside restic, rustic and cp, on data that is made here."""
