"""Who may join: tickets, hosts that wait for an operator, hosts that take another's place."""
