"""Who has the custodian's machine for an hour, and changes what counts there."""
