"""What the verbs that remove and rewrite share."""
