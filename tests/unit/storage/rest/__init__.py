"""The REST store against a server that goes wrong in every way that the protocol's reference names."""
