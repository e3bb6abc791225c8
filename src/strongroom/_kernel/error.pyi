"""Errors of the kernel's own."""

from strongroom.base.errors import Damaged

class WrongKey(Damaged):
    """The key does not open this envelope: the MAC of the ciphertext is another one."""
