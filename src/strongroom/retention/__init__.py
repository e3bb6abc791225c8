"""Which snapshots may go: restic's rule and the guarded one, as pure functions without I/O and without a clock."""
