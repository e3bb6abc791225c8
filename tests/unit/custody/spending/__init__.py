"""What rounds would take, and cost."""
