"""What a gateway watches: reads by day, what went or came behind its back."""
