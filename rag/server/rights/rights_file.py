"""Keeps who may do what in which collection of a server: users and tokens with a role in each, in one file.

{"schema": "pincite-rights-1", "holders": [{"kind": "token", "name": "wiki", "secret": "…", "roles": {"handbook":
 "read"}, "created_at": "…"}]}

The secret of a token is its SHA-256, that of a user the scrypt hash of the password. A user without a secret cannot
log in on the page; a trusted proxy names him.
"""

import hmac
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rag.core.errors import IndexWriteFailed, InvalidInput
from rag.core.files.durable_files import exclusive, replace_file
from rag.core.files.safe_json import json_value
from rag.server.api.tokens import NAME, SCOPES, TOKEN_PREFIX, Scope, token_hash
from rag.server.rights.passwords import password_hash

RIGHTS_SCHEMA = "pincite-rights-1"
DEFAULT_RIGHTS = Path("pincite-rights.json")
ALL_COLLECTIONS = "*"
COLLECTION_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
USER_NAME = re.compile(r"[^\x00-\x20\x7f:]{1,200}")
"""Such as ann or ann@example.org; a colon would end it in `name:password`."""
HolderKind = Literal["token", "user"]
SECRET_FORMS = {"token": re.compile("[0-9a-f]{64}"), "user": re.compile(r"(?:scrypt\$[\w+/=]+\$[\w+/=]+)?")}
NOT_READABLE = "Repair the file, or delete it and give the rights again: rag token add, rag user add"


@dataclass(frozen=True)
class Holder:
    """A user or a token, and the role in each collection; `*` stands for every collection."""

    kind: HolderKind
    name: str
    secret: str
    roles: Mapping[str, Scope]
    created_at: str


def role_in(roles: Mapping[str, Scope], collection: str) -> Scope | None:
    """Return the higher of the roles in a collection and in all collections, None if there is neither.

    >>> role_in({"*": "read", "a": "write"}, "a"), role_in({"*": "read"}, "a"), role_in({"a": "read"}, "b")
    ('write', 'read', None)
    """
    own = [roles[name] for name in (collection, ALL_COLLECTIONS) if name in roles]
    return max(own, key=SCOPES.index, default=None)


class Rights:
    """The holders in one file. A change of the file counts from the next request on."""

    def __init__(self, file: Path) -> None:
        """Read nothing yet."""
        self._file, self._lock = file, threading.Lock()
        self._read: tuple[tuple[int, int, int], tuple[Holder, ...]] | None = None

    def holders(self) -> tuple[Holder, ...]:
        """Return all holders in order of making.

        Raises InvalidInput if the file cannot be read, or was there once and is gone: then nobody may be let in.
        """
        with self._lock:
            try:
                status = self._file.stat()
            except FileNotFoundError:
                if self._read is None:
                    return ()
                raise InvalidInput(f"The rights in {self._file} are gone.", "Put the file back.") from None
            as_of = status.st_ino, status.st_mtime_ns, status.st_size
            if self._read is None or self._read[0] != as_of:
                self._read = as_of, _read(self._file)
            return self._read[1]

    def token(self, secret: str) -> Holder | None:
        """Return the holder of a token, None if it is unknown."""
        own_hash, holder = token_hash(secret), None
        for entry in self.holders():
            if entry.kind == "token" and hmac.compare_digest(entry.secret, own_hash):
                holder = entry
        return holder

    def user(self, name: str) -> Holder | None:
        """Return the user of a name, None if there is none."""
        return next((entry for entry in self.holders() if entry.kind == "user" and entry.name == name), None)

    def add_token(self, name: str, roles: Mapping[str, str]) -> str:
        """Return a new token, which is stored nowhere. Raises InvalidInput for a name that is taken or no name."""
        if not NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot be a token's name.", "Use letters, figures, dots and hyphens.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._add("token", name, token_hash(secret), roles)
        return secret

    def add_user(self, name: str, roles: Mapping[str, str], password: str | None) -> None:
        """Add a user; without a password only a trusted proxy lets him in. Raises InvalidInput."""
        if not USER_NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot be a user's name.", "Use a name such as ann or ann@example.org.")
        self._add("user", name, "" if password is None else password_hash(password), roles)

    def remove(self, kind: HolderKind, name: str) -> None:
        """Remove a user or a token. Raises InvalidInput if there is none of this name."""
        with self._changing() as holders:
            rest = [entry for entry in holders if (entry.kind, entry.name) != (kind, name)]
            if len(rest) == len(holders):
                raise InvalidInput(f"There is no {kind} {name!r} in {self._file}.", f"See `rag {kind} list`.")
            holders[:] = rest

    def _add(self, kind: HolderKind, name: str, secret: str, roles: Mapping[str, str]) -> None:
        added = Holder(kind, name, secret, checked_roles(roles), datetime.now(UTC).isoformat(timespec="seconds"))
        with self._changing() as holders:
            if any((entry.kind, entry.name) == (kind, name) for entry in holders):
                raise InvalidInput(f"There is a {kind} {name!r} already.", f"Remove it first: rag {kind} remove {name}")
            holders.append(added)

    @contextmanager
    def _changing(self) -> Iterator[list[Holder]]:
        """Give the holders as they are now, to one process at a time; write the list back unless an error is raised."""
        try:
            with exclusive(self._file):
                holders = list(_read(self._file)) if self._file.exists() else []
                yield holders
                content = {"schema": RIGHTS_SCHEMA, "holders": [asdict(entry) for entry in holders]}
                replace_file(self._file, json.dumps(content, indent=1).encode(), mode=0o600)
        except OSError as error:
            raise IndexWriteFailed(f"The rights could not be stored: {error}.", "Check the folder.") from None


def checked_roles(roles: Mapping[str, str]) -> dict[str, Scope]:
    """Return roles by collection. Raises InvalidInput for no role, an unknown one, or what names no collection."""
    if not roles:
        raise InvalidInput("No collection is named.", "Name one with --collection NAME, or all with --collection '*'.")
    checked: dict[str, Any] = {}
    for collection, role in roles.items():
        if collection != ALL_COLLECTIONS and not COLLECTION_NAME.fullmatch(collection):
            raise InvalidInput(f"{collection!r} is no name of a collection.", "Use letters, figures and hyphens.")
        if role not in SCOPES:
            raise InvalidInput(f"There is no role {role!r}.", f"Known: {', '.join(SCOPES)}.")
        checked[collection] = role
    return checked


def _read(file: Path) -> tuple[Holder, ...]:
    try:
        content = json_value(file.read_text(encoding="utf-8"))
        if content["schema"] != RIGHTS_SCHEMA:
            raise ValueError(f"schema {content['schema']!r}")
        return tuple(_holder(entry) for entry in content["holders"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
        # A file that cannot be read must not count as no rights: then everyone on this machine would be let in.
        raise InvalidInput(f"The rights in {file} cannot be read: {error}.", NOT_READABLE) from None


def _holder(entry: dict[str, Any]) -> Holder:
    holder = Holder(**entry)
    if not SECRET_FORMS[holder.kind].fullmatch(holder.secret):
        raise ValueError("a secret is none")
    checked_roles(holder.roles)
    return holder
