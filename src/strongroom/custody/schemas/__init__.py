"""The tables of the custodian's state, a file for each part that owns some, and the numbered steps to them."""
