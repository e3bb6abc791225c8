"""The repository format as data and codecs; no I/O."""
