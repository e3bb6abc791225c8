"""Judge and executor on two machines."""
