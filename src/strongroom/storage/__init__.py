"""Where objects live: the contract, the stores, the wrappers. Deleting stands apart in ``storage.removal``."""
