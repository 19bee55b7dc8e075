"""Keeps the tokens by which programs show who they are: hashed, with a scope, in `tokens.json` of the index.

{"schema": "pincite-tokens-1", "tokens": [{"name": "wiki", "scope": "read", "sha256": "…", "created_at": "…"}]}

A token is 32 random bytes, so one round of SHA-256 is enough: there is no list of likely tokens to try.
"""

import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import exclusive, replace_file
from rag.core.files.safe_json import json_value

TOKENS_SCHEMA = "pincite-tokens-1"
TOKEN_PREFIX = "pincite_"
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each holds those before it: read asks and looks, write changes documents, admin sees the figures of all clients."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Token:
    """What is kept of a token."""

    name: str
    scope: Scope
    sha256: str
    created_at: str


class Tokens:
    """The tokens in one file. A change of the file counts from the next request on; processes change it in turn."""

    def __init__(self, file: Path) -> None:
        """Read nothing yet."""
        self._file, self._lock = file, threading.Lock()
        self._read: tuple[tuple[int, int, int], tuple[Token, ...]] | None = None

    def listed(self) -> tuple[Token, ...]:
        """Return all tokens in order of making. Raises InvalidInput if the file cannot be read."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return ()
        as_of = status.st_ino, status.st_mtime_ns, status.st_size
        with self._lock:
            if self._read is None or self._read[0] != as_of:
                self._read = as_of, _read(self._file)
            return self._read[1]

    def holder(self, token: str) -> Token | None:
        """Return the entry of a token, None if it is unknown. The time does not tell how near a guess was."""
        own_hash, holder = token_hash(token), None
        for entry in self.listed():
            if hmac.compare_digest(entry.sha256, own_hash):
                holder = entry
        return holder

    def add(self, name: str, scope: str) -> str:
        """Return a new token, which is kept nowhere. Raises InvalidInput for a name that is taken, an unknown scope."""
        if not NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot be a token's name.", "Use letters, figures, dots and hyphens.")
        if scope not in SCOPES:
            raise InvalidInput(f"There is no scope {scope!r}.", f"Known: {', '.join(SCOPES)}.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        kind: Any = scope
        added = Token(name, kind, token_hash(secret), datetime.now(UTC).isoformat(timespec="seconds"))
        with self._changing() as tokens:
            if any(token.name == name for token in tokens):
                raise InvalidInput(f"There is a token {name!r} already.", f"Remove it first: rag token remove {name}")
            tokens.append(added)
        return secret

    def remove(self, name: str) -> None:
        """Forget a token. Raises InvalidInput if none has that name."""
        with self._changing() as tokens:
            if all(token.name != name for token in tokens):
                raise InvalidInput(f"There is no token {name!r}.", "See `rag token list`.")
            tokens[:] = [token for token in tokens if token.name != name]

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """Give the tokens as they are now, and write the list back unless an error is raised.

        No other process changes the file in between, so nobody writes back a list that is out of date.
        """
        try:
            with exclusive(self._file):
                tokens = list(_read(self._file)) if self._file.exists() else []
                yield tokens
                content = {"schema": TOKENS_SCHEMA, "tokens": [asdict(token) for token in tokens]}
                replace_file(self._file, json.dumps(content, indent=1).encode(), mode=0o600)
        except OSError as error:
            raise IndexWriteFailed(f"The token could not be kept: {error}.", "See that there is an index.") from None


def _read(file: Path) -> tuple[Token, ...]:
    try:
        content = json_value(file.read_text(encoding="utf-8"))
        if content["schema"] != TOKENS_SCHEMA:
            raise ValueError(f"schema {content['schema']!r}")
        tokens = tuple(Token(**token) for token in content["tokens"])
        if not all(token.scope in SCOPES and re.fullmatch("[0-9a-f]{64}", token.sha256) for token in tokens):
            raise ValueError("a scope or a hash is none")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # A file that cannot be read must not count as no tokens: then everyone would be let in.
        problem = f"The tokens in {file} cannot be read: {error}."
        raise InvalidInput(problem, "Repair the file, or delete it and make new tokens: rag token add NAME") from None
    return tokens


def token_hash(token: str) -> str:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
