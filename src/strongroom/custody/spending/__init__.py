"""What rounds may take of bytes, requests and time, and counting it."""
