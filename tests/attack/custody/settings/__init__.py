"""What somebody who may hide or hold back in a bucket can do to the custodian's own view of it."""
