"""Reads the settings of a file `pincite.toml` and of variables `PINCITE_…`, which override the file.

Keys are those of `Settings` and `Options`, and `index`, the folder of the index; `top_k` in the file is `PINCITE_TOP_K`
in the environment. The command line overrides both. `Index` and `Assistant` read neither: in Python, settings are
arguments.
"""

import functools
import os
import tomllib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rag.core.addresses import address_kind
from rag.core.errors import InvalidInput, InvalidSettings, RagError
from rag.core.settings import Options, Settings, merge_settings, require_known

FILE_NAME = "pincite.toml"
VARIABLE_PREFIX = "PINCITE_"
OF_OTHERS = ("PINCITE_CONFIG", "PINCITE_CACHE")
"""Variables that other modules read: the path of the file, and the cache folder."""
SETTING_NAMES = tuple(item.name for item in fields(Settings))
OPTION_NAMES = tuple(item.name for item in fields(Options))
KEYS = ("index", *OPTION_NAMES, *SETTING_NAMES)
SECRET = "auth"
ROOT_USER = 0


@dataclass(frozen=True)
class Configured:
    """A value and its origin: the path of a file, or the name of a variable."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Configuration:
    """The settings and options of the file and the environment, by key."""

    values: Mapping[str, Configured]

    @property
    def index(self) -> Path | None:
        """Return the folder of the index, None if it is not set."""
        return Path(self.values["index"].value) if "index" in self.values else None

    def settings(self) -> dict[str, Any]:
        """Return the settings, as `Settings.updated` takes them."""
        return {key: item.value for key, item in self.values.items() if key in SETTING_NAMES}

    def options(self) -> dict[str, Any]:
        """Return the options of serving, as `Options.updated` takes them."""
        return {key: item.value for key, item in self.values.items() if key in OPTION_NAMES}


NO_CONFIGURATION = Configuration({})
_now: ContextVar[Configuration] = ContextVar("configuration", default=NO_CONFIGURATION)


def load_configuration(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Configuration:
    """Return the settings of a file and of the environment, and keep them for the commands of this run.

    If `file` is None, read the file that `PINCITE_CONFIG` names, else that of `default_file`. Raises InvalidSettings
    if a file cannot be read, or if a key or a value is invalid; the message names its origin.
    """
    environment = os.environ if environment is None else environment
    explicit = file or (Path(environment["PINCITE_CONFIG"]) if environment.get("PINCITE_CONFIG") else None)
    path = explicit or default_file()
    file_values = _of_file(path) if path else {}
    configuration = Configuration(merge_settings(_of_environment(environment), file_values))
    _now.set(configuration)
    return configuration


def default_file() -> Path | None:
    """Return `pincite.toml` of the current folder, of the nearest folder above it, or of the user's config folder.

    Above the current folder a file counts only if it is the user's own or root's: in a shared folder such as /tmp,
    anybody could have put one there.
    """
    from platformdirs import user_config_path

    if Path(FILE_NAME).is_file():
        return Path(FILE_NAME)
    above = (folder / FILE_NAME for folder in Path.cwd().parents)
    users = user_config_path("pincite", appauthor=False) / FILE_NAME
    return next((file for file in (*above, users) if file.is_file() and _trusted(file)), None)


def _trusted(file: Path) -> bool:
    return not hasattr(os, "getuid") or file.stat().st_uid in (ROOT_USER, os.getuid())


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command of the shell whose `--set` begins with the configured settings; typed ones override them."""

    @functools.wraps(command)
    def run(*args: Any, **parameters: Any) -> None:
        typed = parameters.get("settings") or []
        changes = changes_of(typed)
        settings = merge_settings(changes, _now.get().settings())
        pairs = [f"{key}={value}" for key, value in settings.items() if key not in changes]
        command(*args, **{**parameters, "settings": [*pairs, *typed] or None})

    return run


def changes_of(assignments: list[str] | None) -> dict[str, str]:
    """Return keys and values of `--set key=value`. Raises InvalidSettings if one has no value."""
    pairs = [item.partition("=") for item in assignments or ()]
    for key, sign, _ in pairs:
        if not sign:
            raise InvalidSettings(f"--set {key!r} has no value.", "Write it as --set key=value.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def require_file(path: Path, remedy: str, error: type[RagError] = InvalidInput) -> None:
    """Raise `error` if `path` is a folder or does not exist."""
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
    if "index" in configured and address_kind(configured["index"].value) is None:
        # A folder is beside the file, wherever the command is run.
        configured["index"] = Configured(str(path.parent / configured["index"].value), str(path))
    _require_one_threshold(configured)
    return configured


def _of_environment(environment: Mapping[str, str]) -> dict[str, Configured]:
    """Return the settings of environment variables; an empty variable sets nothing."""
    configured = {}
    for name in sorted(environment):
        if name.startswith(VARIABLE_PREFIX) and name not in OF_OTHERS and environment[name]:
            key = name.removeprefix(VARIABLE_PREFIX).lower()
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
            (Options() if key in OPTION_NAMES else Settings()).updated({key: value})
    except InvalidSettings as error:
        raise InvalidSettings(f"{origin}: {error.message}", error.remedy) from None
    return value


def _require_one_threshold(values: Mapping[str, Configured]) -> None:
    thresholds = {key: item for key, item in values.items() if key in ("min_confidence", "min_precision")}
    try:
        Settings().updated({key: item.value for key, item in thresholds.items()})
    except InvalidSettings as error:
        origins = " and ".join(dict.fromkeys(item.origin for item in thresholds.values()))
        raise InvalidSettings(f"{origins}: {error.message}", error.remedy) from None
