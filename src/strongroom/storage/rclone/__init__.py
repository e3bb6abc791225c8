"""A repository on any remote of rclone's."""
