"""The custodian's rows."""
