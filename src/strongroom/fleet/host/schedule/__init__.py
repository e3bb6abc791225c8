"""When a host backs up by itself: systemd timers, or the scheduler of a container."""
