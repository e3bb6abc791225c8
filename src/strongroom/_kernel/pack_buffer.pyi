"""A finished pack whose bytes are read without a copy."""

from typing import final

from typing_extensions import Buffer

@final
class Pack(Buffer):
    """A finished pack; its bytes are read through the buffer protocol, without a copy."""

    @property
    def id(self) -> str: ...
    @property
    def holds_trees(self) -> bool: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
