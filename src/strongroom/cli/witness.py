"""``witness serve``: countersign the logs of gateways, so that none of them can show two pasts."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import SystemClock
from strongroom.base.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_serve(parser: argparse.ArgumentParser) -> None:
    """Where to listen, which logs."""
    parser.description = (
        "Countersign checkpoints of logs (C2SP tlog-witness). The witness learns origins, sizes and roots, and nothing"
        " else; it keeps one checkpoint for each log."
    )
    parser.add_argument("--listen", default="127.0.0.1:8010", metavar="ADDRESS", help="host:port (default: loopback)")
    parser.add_argument("--state", required=True, metavar="FOLDER", help="the key and the checkpoints")
    parser.add_argument("--log", action="append", default=[], metavar="KEY", help="a log's verifier key; repeatable")
    parser.add_argument("--name", metavar="NAME", help="the witness's name in its key (default: this host's)")


def run_serve(context: Context) -> int:
    """Serve until told to stop."""
    from strongroom.base.own_files import check_own_files, make_own_folder
    from strongroom.base.server_log import LOG
    from strongroom.receipts.commit.signing_key import load_or_create
    from strongroom.receipts.log.note import COSIGNATURE, Verifier
    from strongroom.receipts.witness.server import WitnessServer
    from strongroom.receipts.witness.witness import Witness

    arguments = context.arguments
    if not arguments.log:
        raise UsageError("which logs?", hint="Give each gateway's verifier key with --log; the gateway prints it.")
    host, colon, port = arguments.listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError(f"not an address: {arguments.listen}", hint="such as 127.0.0.1:8010")
    make_own_folder(arguments.state)
    check_own_files(arguments.state)
    name = arguments.name or f"{socket.getfqdn()}/witness"
    signer = load_or_create(os.path.join(arguments.state, "witness.key"), name, COSIGNATURE)
    witness = Witness(arguments.state, signer, [Verifier.parse(key) for key in arguments.log], SystemClock())
    try:
        server = WitnessServer((host.strip("[]"), int(port)), witness)
    except OSError as error:
        raise ConfigurationError(f"cannot listen: {error.strerror}", subject=arguments.listen) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    context.signals.heed()
    LOG.info(f"witness verifier key: {signer.verifier}")
    LOG.info(f"start witness on {server.server_address[0]!s}:{server.server_address[1]}")
    server.serve_forever()
    server.server_close()
    witness.close()
    return 0
