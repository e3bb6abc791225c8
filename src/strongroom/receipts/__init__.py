"""What arrived when: receipts, the Merkle log of them, checkpoints, and the witness who countersigns."""
