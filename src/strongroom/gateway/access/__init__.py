"""Who asks, and what they may: tokens, password file, principals, policy, roles, quotas, refusals."""
