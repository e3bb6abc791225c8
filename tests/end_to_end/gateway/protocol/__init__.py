"""restic's REST protocol at the gateway, over raw sockets, with the cases of other servers' tests."""
