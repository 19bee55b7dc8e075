"""Makes a Python and a TypeScript client of the OpenAPI document and uses them: `make clients`.

It serves a copy of the seeds in a process of its own. The generators are in `build/clients`, apart from the package:
openapi-python-client wants an older typer. Exit status 1 if a generator leaves anything out, or a client fails.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from rag.index.index import Index
from rag.index.storage.manifest import TOKENS
from rag.server.api.tokens import Tokens
from tests import ROOT
from tests.server.api.test_files import LAMP, pdf
from tests.server.running_service import served

TOOLS = ROOT / "build" / "clients"
HERE = Path(__file__).parent
LEFT_OUT = ("WARNING parsing", "Unable to process", "Cannot parse")
"""Signs in what the generator says."""


def python_client(document: Path, folder: Path) -> Path:
    """Return the folder of the client of openapi-python-client. Raises SystemExit if it left anything out."""
    client = folder / "pincite_client"
    program = TOOLS / "python" / "bin" / "openapi-python-client"
    command: list[str | Path] = [
        program, "generate", "--path", document, "--output-path", client, "--meta", "none",
        "--config", HERE / "openapi_python_client.yaml",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    said = done.stdout + done.stderr
    if any(sign in said for sign in LEFT_OUT):
        raise SystemExit(said)
    return client


def typescript_client(document: Path, folder: Path) -> Path:
    """Return the compiled program that uses the types of openapi-typescript."""
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    programs = TOOLS / "node_modules" / ".bin"
    subprocess.run([programs / "openapi-typescript", document, "-o", folder / "pincite.d.ts"], check=True)
    source = folder / "uses_typescript.ts"
    source.write_bytes((HERE / source.name).read_bytes())
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--skipLibCheck"]
    subprocess.run([programs / "tsc", *options, source.name], check=True, cwd=folder)
    return source.with_suffix(".js")


def main() -> int:
    """Serve, make the clients, and run each against the server."""
    folder = Path(tempfile.mkdtemp(prefix="clients-"))
    index, document, lamp = folder / "index", folder / "openapi.json", folder / "lamp.pdf"
    Index.build(ROOT / "seeds", index).close()
    lamp.write_bytes(pdf(LAMP))
    token = Tokens(index / TOKENS).add("clients", "write")
    with served(index) as running:
        headers = {"authorization": f"Bearer {token}"}
        document.write_bytes(httpx.get(f"{running.address}/v1/openapi.json", headers=headers, timeout=60).content)
        given = [running.address, token, str(lamp)]
        python_client(document, folder)
        environment = {"PYTHONPATH": str(folder)}
        program: list[str | Path] = [TOOLS / "python" / "bin" / "python", HERE / "uses_python.py", *given]
        subprocess.run(program, check=True, env=environment)
        sys.stdout.write("The Python client asks, searches, uploads, follows and verifies.\n")
        subprocess.run(["node", typescript_client(document, folder), *given], check=True)
        sys.stdout.write("The TypeScript client asks, searches, uploads, follows and verifies.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
