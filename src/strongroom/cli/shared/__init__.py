"""What the verbs have in common: options, settings, passwords, opening, signals."""
