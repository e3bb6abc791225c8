"""What hosts, the fleet server and the custodian say to each other, as bytes: no clock, no files, no sockets.

docs/concepts/fleet.md has each message with its fields. Whatever is read here was written by somebody who is not
trusted: readers raise ``Damaged`` (``Forged`` for signatures and proofs) or ``LimitExceeded``, and nothing else.
"""
