"""The server's own certificate, where nobody gave it another: hosts pin its hash, which their token says."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.base.durable import replace_file
from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from strongroom.base.clock import Clock

CERTIFICATE, KEY = "certificate.pem", "certificate.key"
DAYS = 3650


def make_certificate(folder: str, name: str, clock: Clock) -> None:
    """A self-signed certificate for a name or address, with its key (mode 0600), good for ten years."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begins = datetime.datetime.fromtimestamp(clock.now_ns() // 10**9, datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - datetime.timedelta(days=1))
        .not_valid_after(begins + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_file(os.path.join(folder, KEY), pem)
    replace_file(os.path.join(folder, CERTIFICATE), made.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)


def pin_of(path: str) -> str:
    """SHA-256 of the first certificate of a PEM file, which a host compares with what it is shown.

    Raises ``ConfigurationError``.
    """
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read(1 << 20)
        begins = text.index("-----BEGIN CERTIFICATE-----")
        ends = text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begins:ends])).hexdigest()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no certificate can be read: {error}", subject=path) from None
