"""The installed command, but that ``init`` writes a key that is cheap to open. Run as a script, with the same words."""

from __future__ import annotations

import sys

from strongroom.cli.main import main
from strongroom.repository import keyring

if __name__ == "__main__":
    defaults = keyring.store_key.__kwdefaults__
    assert defaults is not None and defaults["scrypt"] == keyring.SCRYPT
    defaults["scrypt"] = (1024, 8, 1)
    sys.exit(main())
