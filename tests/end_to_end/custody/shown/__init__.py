"""What verbs show before anything is done."""
