"""The gateway's rows: ours beside ``rclone serve restic``, with one client program for both."""
