"""The replica: the same repository at another account or provider, fed by the custodian alone."""
