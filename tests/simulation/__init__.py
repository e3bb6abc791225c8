"""Months of hosts, a provider that errs and an intruder, in minutes: what must hold is looked at after every step."""
