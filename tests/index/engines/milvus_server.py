"""Runs the Milvus server of the PyPI package `milvus` (2.3.5), for loopback alone; for the environment that has it.

    PYTHON_OF_THAT_ENVIRONMENT milvus_server.py FOLDER [PORT]

With PORT, where clients expect it, it waits until that is free: what a killed server held stays taken for a minute.
Prints one line of JSON, `{"port": …, "pid": …}`, when the server has its configuration, and goes on as that server.
It imports nothing of Pincite: the package needs an environment of its own.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

METRICS_PORT = 9091
WAITED = 120
"""Seconds until a port that is still taken is an error."""


def configured(folder: Path, port: int | None) -> Any:
    """Return the package's configuration for `folder`, with free ports and every part of the server on loopback."""
    import milvus  # type: ignore[import-not-found, unused-ignore]

    made = milvus.MilvusServerConfig(data_dir=str(folder), **({"proxy_port": port} if port else {}))
    end = time.monotonic() + WAITED
    while port and not (held := made.try_bind_port(port)) and time.monotonic() < end:
        time.sleep(1)
    if port and held:
        held.close()
    made.resolve()
    milvus._initialize_data_files(made.base_data_dir)
    file = folder / "configs" / "milvus.yaml"
    # Without an address a part listens on the first one that others can reach.
    text, parts = re.subn(r"(?m)^( +ip:)(?= |$).*$", r"\1 127.0.0.1", file.read_text(encoding="utf-8"))
    if parts != 7:
        raise SystemExit(f"{parts} addresses in {file}, expected 7: this is not the configuration of milvus 2.3.5")
    file.write_text(text, encoding="utf-8")
    return made


def main(folder: Path, port: int | None) -> None:
    """Become the server."""
    folder.mkdir(parents=True, exist_ok=True)
    made = configured(folder, port)
    # The port moves where the usual one is taken: the configuration that was written tells which it is.
    metrics, held = made.resolve_port(METRICS_PORT)
    held.close()
    port = int(made.get("proxy_port"))
    print(json.dumps({"port": port, "pid": os.getpid(), "metrics": metrics}), flush=True)  # noqa: T201
    libraries = str(folder / "bin")
    environment = {
        **os.environ, "DEPLOY_MODE": "STANDALONE", "METRICS_PORT": str(metrics),
        "MILVUS_RUN_DIR": str(folder / "run"), "LD_LIBRARY_PATH": libraries,
    }  # fmt: skip
    log = os.open(folder / "logs" / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    os.execve(f"{libraries}/milvus", ["milvus", "run", "standalone"], environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]) if len(sys.argv) > 2 else None)
