"""Locks an index on a server for one writer. The server has neither locks nor compare-and-swap.

A writer stores a claim, then reads all claims with the newest data of the server. If two writers do so at once, at
least the later one sees both claims. A writer that sees another claim gives up, so two never write, although both may
give up. A claim expires after `CLAIM_SECONDS` without renewal, by the clocks of the writers, which must agree within
some seconds. A writer that was stopped for longer ends at its next step.
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

CLAIM_SECONDS, RENEWAL_SECONDS = 60.0, 15.0
CLAIM_PREFIX = "claim:"


class WriterLock:
    """A claim that a thread renews until it is released."""

    def __init__(self, connection: Connection) -> None:
        """Store the claim. Raises IndexUnreachable."""
        self._connection, self._meta = connection, meta_name(connection.address)
        self.name = CLAIM_PREFIX + secrets.token_hex(8)
        self._ended = threading.Event()
        self._until = 0.0
        self._renew()
        self._thread = threading.Thread(target=self._renew_until_end, daemon=True)

    def others(self) -> list[str]:
        """Return the other holders of valid claims. Expired claims are deleted."""
        rows = self._connection(
            "query", self._meta, filter=f'name like "{CLAIM_PREFIX}%"', output_fields=["name", "body"],
            consistency_level="Strong",
        )  # fmt: skip
        claims = {row["name"]: json.loads(row["body"]) for row in rows if row["name"] != self.name}
        expired = [name for name, content in claims.items() if content["until"] < time.time()]
        if expired:
            self._connection("delete", self._meta, filter=f"name in {json.dumps(expired)}")
        return [content["holder"] for name, content in claims.items() if name not in expired]

    def start_renewal(self) -> None:
        """Renew the claim from now on."""
        self._thread.start()

    def require_held(self) -> None:
        """Raise IndexWriteFailed if the claim has expired, because another process may be writing now."""
        if time.monotonic() > self._until:
            raise IndexWriteFailed(
                f"The claim to write {self._connection.address.shown} could not be renewed for {CLAIM_SECONDS:.0f} s.",
                "The index is still at its last commit; run the command again.",
            )

    def release(self) -> None:
        """Delete the claim."""
        self._ended.set()
        with suppress(IndexUnreachable):  # then it expires
            self._connection("delete", self._meta, filter=f'name in ["{self.name}"]')

    def _renew_until_end(self) -> None:
        while not self._ended.wait(RENEWAL_SECONDS):
            with suppress(IndexUnreachable):
                self._renew()

    def _renew(self) -> None:
        until = time.monotonic() + CLAIM_SECONDS
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        body = json.dumps({"holder": holder, "until": time.time() + CLAIM_SECONDS})
        self._connection("upsert", self._meta, [{"name": self.name, "body": body, "nothing": NOTHING}])
        self._until = until


@contextmanager
def writer_lock(connection: Connection) -> Iterator[WriterLock]:
    """Hold the lock of the only writer. Raises IndexLocked with the name of its holder."""
    make_meta(connection)
    lock = WriterLock(connection)
    try:
        others = lock.others()
        if others:
            raise IndexLocked(
                f"The index at {connection.address.shown} is being written by {others[0]}.",
                "Wait until it has ended, then try again; if it was killed, its claim runs out"
                f" in {CLAIM_SECONDS:.0f} s.",
            )
        lock.start_renewal()
        yield lock
    finally:
        lock.release()
