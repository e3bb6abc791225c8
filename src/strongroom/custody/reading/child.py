"""The reading child: it is given bytes and the key to them, answers what they hold, and can do nothing else.

It has no credentials, no network, no files, little memory, and so much processor time for each object.
"""

from __future__ import annotations

import os
import signal
import socket

from strongroom import _kernel
from strongroom.base.errors import StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.sandbox import limit_processor_time, shut_in
from strongroom.custody.reading.examining import Examined, examine, rehearse_trees
from strongroom.custody.reading.wire import (
    ANSWER,
    EXAMINED,
    KEY,
    KINDS,
    MOST_WORDS,
    NO_MEMORY,
    NOT_READ,
    QUESTION,
    READY,
    receive,
)

MEMORY = 3 << 30
"""Bytes of address space: a pack or index of the largest size, and what parsing it takes."""
FILES = 16


def main() -> None:
    """Serve the socket that standard input is, until the other end closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an operator's Ctrl-C is for the custodian, which then ends this
    connection = socket.socket(fileno=0)
    shut_in(MEMORY, FILES)
    try:
        key = _kernel.Key(*KEY.unpack(receive(connection, KEY.size)))
        connection.sendall(READY)
        while True:
            _serve(connection, key)
    except (EOFError, ConnectionError):
        return
    except MemoryError:
        os._exit(NO_MEMORY)


def _serve(connection: socket.socket, key: _kernel.Key) -> None:
    head, descriptors, _, _ = socket.recv_fds(connection, QUESTION.size, 1)
    if not head:
        raise EOFError
    source = descriptors[0]
    try:
        head += receive(connection, QUESTION.size - len(head))
        kind, name, size, seconds = QUESTION.unpack(head)
        limit_processor_time(seconds)
        status, found = EXAMINED, Examined()
        try:
            found = examine(key, ObjectName(KINDS[kind], name.decode()), source, size)
            if found.rows and KINDS[kind] is Kind.DATA:
                rehearse_trees(key, found.rows, source)
        except (StrongroomError, OSError) as problem:
            status, found = NOT_READ, Examined(getattr(problem, "what", None) or str(problem))
    finally:
        os.close(source)
    fault, words = (text.encode("utf-8", "backslashreplace")[:MOST_WORDS] for text in (found.fault, found.words))
    connection.sendall(ANSWER.pack(status, len(fault), len(words), len(found.rows)) + fault + words + found.rows)


if __name__ == "__main__":
    main()
