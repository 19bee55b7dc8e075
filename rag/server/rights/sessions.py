"""Remembers who has logged in on the page, in memory: when the server stops, everybody is logged out."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SESSION_SECONDS = 12 * 3_600
MAX_SESSIONS = 10_000
"""Sessions that are remembered; the oldest end first."""


@dataclass(frozen=True)
class Session:
    """Who has logged in, and the stored hash of the password then: a new password ends the session."""

    user: str
    stored: str
    until: float


class Sessions:
    """The sessions of one process, under the hashes of their keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody logged in."""
        # Servers on two ports of one machine share their cookies, so each has a name of its own.
        self.cookie = f"pincite_session_{secrets.token_hex(4)}"
        self._clock, self._lock = clock, threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: str, stored: str) -> str:
        """Return the key of a new session."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(key)] = Session(user, stored, self._clock() + SESSION_SECONDS)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return key

    def session(self, key: str) -> Session | None:
        """Return the session of a key, None if there is none or its time is over."""
        with self._lock:
            session = self._sessions.get(_hash(key))
            if session is not None and session.until <= self._clock():
                del self._sessions[_hash(key)]
                return None
            return session

    def end(self, key: str) -> None:
        """Forget the session of a key."""
        with self._lock:
            self._sessions.pop(_hash(key), None)


def _hash(key: str) -> str:
    # Looked up by its hash, so that the time of a look-up tells nothing about the keys.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
