"""What stock restic makes of what an intruder stored: nothing that it stops at may count as sound."""
