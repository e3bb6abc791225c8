"""What a gateway watches: metrics, reads by day, what went or came behind its back."""
