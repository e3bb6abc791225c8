"""The gateway's side of the log: receipts become durable, get their index, are signed and published."""
