"""Moving data: backup, restore, check, diff, find."""
