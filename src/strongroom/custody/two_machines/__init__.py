"""Judge and executor on two machines: signed messages beside the repository, and who writes and reads them."""
