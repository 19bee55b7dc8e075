"""Hashes the passwords of users by scrypt, so that the file of rights gives none of them away."""

import base64
import functools
import hashlib
import hmac
import secrets

COST, BLOCK_SIZE, PARALLEL = 2**14, 8, 1
"""Of scrypt: 16 MB of memory and about 50 ms for one guess."""
SALT_BYTES = 16
MAX_PASSWORD_CHARACTERS = 1_000


def password_hash(password: str) -> str:
    """Return the text that is stored for a password; two hashes of one password differ."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt${_encoded(salt)}${_encoded(_key(password, salt))}"


def is_password(password: str, stored: str) -> bool:
    """Tell whether a password is the stored one. The time does not tell how near a guess was.

    >>> is_password("secret", password_hash("secret")), is_password("Secret", password_hash("secret"))
    (True, False)
    """
    kind, _, rest = stored.partition("$")
    salt, _, key = rest.partition("$")
    if kind != "scrypt" or len(password) > MAX_PASSWORD_CHARACTERS:
        return False
    return hmac.compare_digest(_key(password, base64.b64decode(salt)), base64.b64decode(key))


def _key(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogateescape"), salt=salt, n=COST, r=BLOCK_SIZE, p=PARALLEL)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@functools.cache
def unknown_hash() -> str:
    """Return a hash that no password has: a login under an unknown name then takes as long as any other."""
    return password_hash(secrets.token_urlsafe(32))
