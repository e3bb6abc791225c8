"""What programs read of the fleet: the API, and metrics. Read-only, by tokens; nothing here decides anything."""
