"""Finds out who asks, and in which collections he may do what: before anything of a request is read."""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from starlette.requests import cookie_parser

from rag.core.errors import InvalidInput
from rag.core.settings import Options
from rag.server.api.access import FORWARDED, WRONG_TOKENS_A_MINUTE
from rag.server.api.tokens import Scope, Tokens
from rag.server.asgi import Message
from rag.server.limits.rate_limit import THIS_MACHINE, RateLimit, client_key
from rag.server.page_routes import WRONG_PASSWORDS_A_MINUTE
from rag.server.problems import AGAIN_AFTER_SECONDS, refused
from rag.server.rights.passwords import is_password, unknown_hash
from rag.server.rights.rights_file import ALL_COLLECTIONS, Rights, role_in
from rag.server.rights.sessions import Sessions
from rag.server.rights.trusted_proxy import PROXY_USER_KEY

AUTH_LOGIN = "--auth"
"""Stands in a session for the hash of a password: its login is the one of the option."""
EVERYTHING: Mapping[str, Scope] = {ALL_COLLECTIONS: "admin"}
CHALLENGE = {"www-authenticate": "Bearer"}
SIGN_IN = "Log in at /login, or send a token as Authorization: Bearer …"
log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who asks, and the role in each collection."""

    name: str
    roles: Mapping[str, Scope]

    def role_in(self, collection: str) -> Scope | None:
        """Return the role in a collection, None if it is none of the caller's."""
        return role_in(self.roles, collection)


@dataclass(frozen=True)
class Admission:
    """Tells callers by their tokens, by their sessions or by the trusted proxy.

    `own_tokens` are those in the index of each collection: they keep their scope there, and count nowhere else.
    """

    rights: Rights
    own_tokens: Mapping[str, Tokens]
    options: Options
    sessions: Sessions
    wrong_tokens: RateLimit
    guesses: RateLimit

    @classmethod
    def of(cls, rights: Rights, own_tokens: Mapping[str, Tokens], options: Options) -> "Admission":
        """Return an admission with nobody logged in."""
        limits = RateLimit(WRONG_TOKENS_A_MINUTE), RateLimit(WRONG_PASSWORDS_A_MINUTE)
        return cls(rights, own_tokens, options, Sessions(), *limits)

    def caller(self, scope: Message) -> Caller:
        """Return who asks. Raises Refused if nobody is known to."""
        try:
            return self._caller(scope)
        except InvalidInput as error:  # the words name a file, which is nobody's business
            log.error("nobody is let in: %s", error)
            again = {"retry-after": str(AGAIN_AFTER_SECONDS)}
            raise refused(503, "The rights cannot be read.", "See the log of the server.", again) from None

    def has_logins(self) -> bool:
        """Tell whether anybody can log in with a password."""
        if self.options.auth is not None:
            return True
        return any(holder.kind == "user" and holder.secret for holder in self.rights.holders())

    def begin_session(self, address: str, name: str, password: str) -> str | None:
        """Return the key of a new session, None if name and password are wrong. It takes a while.

        Raises Refused after too many wrong ones from `address`.
        """
        try:
            self.guesses.take(address)
        except InvalidInput:
            raise refused(429, "Too many wrong passwords.", "Wait a minute.", {"retry-after": "60"}) from None
        stored = self._stored(name, password)
        if stored is None:
            return None
        self.guesses.give_back(address)
        return self.sessions.begin(name, stored)

    def _stored(self, name: str, password: str) -> str | None:
        """Return the stored hash of a login, None if it is wrong."""
        own = self.options.auth
        if own is not None and _same(name, own[0]):
            return AUTH_LOGIN if _same(password, own[1]) else None
        user = self.rights.user(name)
        stored = user.secret if user is not None and user.secret else unknown_hash()
        return stored if is_password(password, stored) else None

    def _caller(self, scope: Message) -> Caller:
        headers = dict(scope["headers"])
        kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        address = str((scope.get("client") or ("",))[0])
        # First, because the proxy may pass on the tokens of its own provider too.
        if self.options.trust_proxy_user and scope.get(PROXY_USER_KEY):
            return self._of_user(scope[PROXY_USER_KEY])
        if kind.lower() == "bearer" and secret:
            return self._of_token(secret.strip(), address)
        session = self.sessions.session(self.session_key(scope))
        if session is not None and session.stored == AUTH_LOGIN and self.options.auth is not None:
            return Caller(f"user {session.user}", EVERYTHING)
        if session is not None:
            user = self.rights.user(session.user)
            if user is not None and user.secret == session.stored:
                return Caller(f"user {user.name}", user.roles)
        if self._is_open(headers, address):
            return Caller(THIS_MACHINE, EVERYTHING)
        raise refused(401, "This needs a login or a token.", SIGN_IN, CHALLENGE)

    def session_key(self, scope: Message) -> str:
        """Return the key of the session that the browser sends, empty if it sends none."""
        cookies = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
        return cookie_parser("; ".join(cookies)).get(self.sessions.cookie, "")

    def _of_token(self, secret: str, address: str) -> Caller:
        holder = self.rights.token(secret)
        if holder is not None:
            return Caller(holder.name, holder.roles)
        for collection, tokens in self.own_tokens.items():
            token = tokens.holder(secret)
            if token is not None:
                return Caller(f"{collection}/{token.name}", {collection: token.scope})
        try:
            self.wrong_tokens.take(address)
        except InvalidInput:
            raise refused(429, "Too many wrong tokens.", "Wait a minute.", {"retry-after": "60"}) from None
        raise refused(401, "The token is none of this server's.", "Ask its owner: rag token add NAME", CHALLENGE)

    def _of_user(self, name: str) -> Caller:
        """Return the user that the proxy names; one without rights is known, and sees no collection."""
        user = self.rights.user(name)
        return Caller(f"user {name}", {} if user is None else user.roles)

    def _is_open(self, headers: Mapping[bytes, bytes], address: str) -> bool:
        """Tell whether nothing is needed: only this machine is served, and nobody was given rights."""
        # A proxy on this machine that nobody named: its clients are elsewhere.
        forwarded = any(name in headers for name in FORWARDED) and not self.options.proxy
        closed = self.options.auth is not None or self.options.trust_proxy_user or not self.options.local
        if closed or forwarded or client_key(address) != THIS_MACHINE:
            return False
        return not self.rights.holders() and not any(tokens.listed() for tokens in self.own_tokens.values())


def _same(text: str, other: str) -> bool:
    return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
