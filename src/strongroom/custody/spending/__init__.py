"""What rounds may take, and what they will take: bytes, requests and time, and what all that costs."""
