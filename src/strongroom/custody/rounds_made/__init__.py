"""Which rounds went through, which failed or never ended, and what was not done since: for whoever asks how it is."""
