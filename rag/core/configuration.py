"""Gathers what is set outside the command line: a file `pincite.toml`, and over it variables `PINCITE_…`.

Keys are those of `Settings` and `Options`, and `index`, the folder of the index; `top_k` in the file is `PINCITE_TOP_K`
in the environment. What a command line says goes before both. `Index` and `Assistant` read none of it: from Python,
settings are given.
"""

import functools
import os
import tomllib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rag.core.errors import InvalidInput, InvalidSettings, RagError
from rag.core.settings import Options, Settings, over, require_known

FILE_NAME = "pincite.toml"
PREFIX = "PINCITE_"
OF_OTHERS = ("PINCITE_CONFIG", "PINCITE_CACHE")
"""Variables that are read elsewhere: the path of the file, and the folder for what can be made again."""
SETTINGS = tuple(item.name for item in fields(Settings))
OPTIONS = tuple(item.name for item in fields(Options))
KEYS = ("index", *OPTIONS, *SETTINGS)
SECRET = "auth"


@dataclass(frozen=True)
class Configured:
    """A value, and where it was set: the path of a file, or the name of a variable."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Configuration:
    """What is set outside the command line."""

    found: Mapping[str, Configured]

    @property
    def index(self) -> Path | None:
        """Return the folder of the index, None where none is set."""
        return Path(self.found["index"].value) if "index" in self.found else None

    def settings(self) -> dict[str, Any]:
        """Return the settings, as `Settings.updated` takes them."""
        return {key: item.value for key, item in self.found.items() if key in SETTINGS}

    def options(self) -> dict[str, Any]:
        """Return the options of serving, as `Options.updated` takes them."""
        return {key: item.value for key, item in self.found.items() if key in OPTIONS}


NOTHING = Configuration({})
_now: ContextVar[Configuration] = ContextVar("configuration", default=NOTHING)


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Configuration:
    """Return what a file and the environment set, and keep it for the commands of this run.

    Without `file` it is the one that `PINCITE_CONFIG` names, else `pincite.toml` in the current folder, if it is there.
    Raises InvalidSettings for a file that cannot be read, and for unknown keys and values that will not do, with their
    place.
    """
    environment = os.environ if environment is None else environment
    named = file or (Path(environment["PINCITE_CONFIG"]) if environment.get("PINCITE_CONFIG") else None)
    path = named or Path(FILE_NAME)
    held = _of_file(path) if named or path.is_file() else {}
    configuration = Configuration(over(_of_environment(environment), held))
    _now.set(configuration)
    return configuration


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command of the shell whose `--set` has what is configured before it; what is typed goes before that."""

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        typed = given.get("settings") or []
        changes = changes_of(typed)
        held = over(changes, _now.get().settings())
        pairs = [f"{key}={value}" for key, value in held.items() if key not in changes]
        command(*args, **{**given, "settings": [*pairs, *typed] or None})

    return run


def changes_of(given: list[str] | None) -> dict[str, str]:
    """Return what `--set key=value` gives. Raises InvalidSettings for one without a value."""
    pairs = [item.partition("=") for item in given or ()]
    for key, sign, _ in pairs:
        if not sign:
            raise InvalidSettings(f"--set {key!r} has no value.", "Write it as --set key=value.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def require_file(path: Path, remedy: str, error: type[RagError] = InvalidInput) -> None:
    """Raise `error` where `path` is a folder or there is nothing."""
    if path.is_dir():
        raise error(f"{path} is a folder.", remedy)
    if not path.exists():
        raise error(f"There is no file {path}.", remedy)


def _of_file(path: Path) -> dict[str, Configured]:
    require_file(path, "Give a file of settings, with a line such as top_k = 3 for each.", InvalidSettings)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        what = f"Cannot read the settings in {path}: {error}."
        raise InvalidSettings(what, "Write a line such as top_k = 3 for each.") from None
    configured = {key: Configured(_checked(key, value, str(path)), str(path)) for key, value in content.items()}
    if "index" in configured:  # beside the file, wherever the command is run
        configured["index"] = Configured(str(path.parent / configured["index"].value), str(path))
    _require_one_threshold(configured)
    return configured


def _of_environment(environment: Mapping[str, str]) -> dict[str, Configured]:
    """Return the settings of environment variables; an empty variable sets nothing."""
    configured = {}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in OF_OTHERS and environment[name]:
            key = name.removeprefix(PREFIX).lower()
            configured[key] = Configured(_checked(key, environment[name], name), name)
    _require_one_threshold(configured)
    return configured


def _checked(key: str, value: Any, origin: str) -> Any:
    """Return the value unchanged if it is valid, else raise InvalidSettings."""
    try:
        require_known(key, KEYS)
        if key == "index":
            if not isinstance(value, str) or not value:
                raise InvalidSettings(f"Setting index={value!r} is not the name of a folder.", "Give one in quotes.")
        else:
            (Options() if key in OPTIONS else Settings()).updated({key: value})
    except InvalidSettings as error:
        raise InvalidSettings(f"{origin}: {error.message}", error.remedy) from None
    return value


def _require_one_threshold(found: Mapping[str, Configured]) -> None:
    thresholds = {key: item for key, item in found.items() if key in ("min_confidence", "min_precision")}
    try:
        Settings().updated({key: item.value for key, item in thresholds.items()})
    except InvalidSettings as error:
        origins = " and ".join(dict.fromkeys(item.origin for item in thresholds.values()))
        raise InvalidSettings(f"{origins}: {error.message}", error.remedy) from None
