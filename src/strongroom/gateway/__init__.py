"""The append-only door: restic's REST protocol, access, uploads, receipts. Nothing here can decrypt."""
