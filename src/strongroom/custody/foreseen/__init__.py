"""What a round would do, ask for and cost, before it is made."""
