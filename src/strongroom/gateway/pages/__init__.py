"""Our own pages: health, metrics, the log, receipts, status, sealed keys."""
