"""Makes, reads and uses the Ed25519 key of a user; it signs evidence packs.

The private key is a PEM file that only its owner may read. The library `cryptography` is needed to make a key and to
sign, not to check a signature.
"""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag.core.configuration import require_file
from rag.core.errors import InvalidInput
from rag.core.files.durable_files import exclusive, replace_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "evidence-key.pem"
INSTALL = "Install it: pip install 'pincite-slim[evidence]'"
MAKE_KEY = "Make one: rag evidence key"


@dataclass(frozen=True)
class SigningKey:
    """A private key; its public half in hexadecimal is what others compare."""

    private: "Ed25519PrivateKey"

    @property
    def public(self) -> str:
        """Return the public key, 64 hexadecimal digits."""
        return self.private.public_key().public_bytes_raw().hex()

    def signature(self, message: bytes) -> str:
        """Return the signature of a message, 128 hexadecimal digits: the same each time."""
        return self.private.sign(message).hex()


def default_key_file() -> Path:
    """Return the file of the user's key, in the configuration folder of the user."""
    from platformdirs import user_config_path

    return user_config_path("pincite", appauthor=False) / KEY_FILE


def create_key(file: Path) -> SigningKey:
    """Make a key and write it to `file`, which only the owner may read. Raises InvalidInput if there is a file."""
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(file):
            if file.exists():
                raise InvalidInput(f"{file} is there already.", "Use that key, or give the name of a new file.")
            replace_file(file, content, mode=0o600)
    except OSError as error:
        raise InvalidInput(f"Cannot write the key {file}: {error}.", "Give another file.") from error
    return SigningKey(private)


def read_key(file: Path) -> SigningKey:
    """Return the key in a file. Raises InvalidInput if it is none, or if others may read it."""
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    require_file(file, MAKE_KEY)
    try:
        if os.name != "nt" and file.stat().st_mode & 0o077:
            raise InvalidInput(f"Others may read the private key {file}.", f"Keep it to yourself: chmod 600 {file}")
        private = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(f"{file} holds no key: {error}.", MAKE_KEY) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidInput(f"{file} holds a key of another kind than Ed25519.", MAKE_KEY)
    return SigningKey(private)


def _require_library() -> None:
    if find_spec("cryptography") is None:
        raise InvalidInput("Signing needs the library cryptography.", INSTALL)
