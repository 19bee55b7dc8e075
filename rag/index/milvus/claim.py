"""Holds the place of the one writer of an index on a server, which knows no lock and no compare-and-swap.

Who wants to write puts down a claim, then reads all claims with the server's newest data. Of two who claim at a time at
least the later one sees both, and who sees another's claim steps back: never do two write, though both may step back.
A claim runs out after `LASTS` seconds without renewal, by the clocks of those who claim: they must agree within some
seconds. A writer that was held up for longer than its claim lasts stops at its next step.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rag.core.errors import IndexLocked, IndexUnreachable, IndexWriteFailed
from rag.index.milvus.collections import NOTHING, make_meta, meta_name
from rag.index.milvus.connection import Connection

LASTS, RENEWED_EVERY = 60.0, 15.0
PREFIX = "claim:"


class Claim:
    """A claim that is renewed by a thread until it is let go."""

    def __init__(self, connection: Connection) -> None:
        """Put down the claim. Raises IndexUnreachable."""
        self._connection, self._meta = connection, meta_name(connection.address)
        self.name = PREFIX + secrets.token_hex(8)
        self._ended = threading.Event()
        self._until = 0.0
        self._renew()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def others(self) -> list[str]:
        """Return who else holds a claim that has not run out; claims that have are dropped."""
        found = self._connection(
            "query", self._meta, filter=f'name like "{PREFIX}%"', output_fields=["name", "body"],
            consistency_level="Strong",
        )  # fmt: skip
        claims = {row["name"]: json.loads(row["body"]) for row in found if row["name"] != self.name}
        dead = [name for name, said in claims.items() if said["until"] < time.time()]
        if dead:
            self._connection("delete", self._meta, filter=f"name in {json.dumps(dead)}")
        return [said["holder"] for name, said in claims.items() if name not in dead]

    def keep(self) -> None:
        """Renew the claim from now on."""
        self._thread.start()

    def require_held(self) -> None:
        """Raise IndexWriteFailed where the claim has run out: another may be writing by now."""
        if time.monotonic() > self._until:
            raise IndexWriteFailed(
                f"The claim to write {self._connection.address.shown} could not be renewed for {LASTS:.0f} s.",
                "The index is still at its last commit; run the command again.",
            )

    def let_go(self) -> None:
        """Take the claim back."""
        self._ended.set()
        with suppress(IndexUnreachable):  # then it runs out
            self._connection("delete", self._meta, filter=f'name in ["{self.name}"]')

    def _keep(self) -> None:
        while not self._ended.wait(RENEWED_EVERY):
            with suppress(IndexUnreachable):
                self._renew()

    def _renew(self) -> None:
        until = time.monotonic() + LASTS
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        body = json.dumps({"holder": holder, "until": time.time() + LASTS})
        self._connection("upsert", self._meta, [{"name": self.name, "body": body, "nothing": NOTHING}])
        self._until = until


@contextmanager
def claimed(connection: Connection) -> Iterator[Claim]:
    """Hold the place of the one writer. Raises IndexLocked naming who holds it."""
    make_meta(connection)
    claim = Claim(connection)
    try:
        others = claim.others()
        if others:
            raise IndexLocked(
                f"The index at {connection.address.shown} is being written by {others[0]}.",
                f"Wait until it has ended, then try again; if it was killed, its claim runs out in {LASTS:.0f} s.",
            )
        claim.keep()
        yield claim
    finally:
        claim.let_go()
