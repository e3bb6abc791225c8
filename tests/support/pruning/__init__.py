"""What tests of pruning share."""
