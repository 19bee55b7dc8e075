"""The architecture: fifteen wings, imported in one order, and no circle."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rag

PACKAGE = Path(rag.__file__).parent
WINGS = "core < loading, embedding < chunking < index < retrieval < reading < answering < evidence, standing, proofreading < evaluation, adapters < server < cli"  # noqa: E501
"""The order of imports: a module imports from its own wing and from those before it; `a, b` not from each other."""
RANK = {wing: rank for rank, wings in enumerate(WINGS.split(" < ")) for wing in wings.split(", ")}
MAX_FUNCTION_LINES = 40
FORBIDDEN = ("import pickle", "allow_pickle=True", "trust_remote_code=True", "eval(", "exec(")
MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """Return `rag.core.types` for the file `rag/core/types.py`, `rag.core` for `rag/core/__init__.py`."""
    return ".".join(("rag", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


FILES = {dotted(path): path for path in MODULES}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the modules of the package that a module imports, those under TYPE_CHECKING and inside functions too."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rag":
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(FILES)
            names |= submodules or {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("rag.")}
    return frozenset(names - {"rag", dotted(path)})


def wing(module: str) -> str:
    return module.split(".")[1]


def misplaced() -> Iterator[str]:
    for path in MODULES:
        if path.parent == PACKAGE and path.name == "__init__.py":
            continue
        module = dotted(path)
        for other in sorted(imports(path)):
            if wing(other) != wing(module) and RANK[wing(other)] >= RANK[wing(module)]:
                yield f"{module} imports {other}"


def test_only_the_wings_stand_at_the_top() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*RANK, "models"}
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py"}


def test_a_folder_holds_what_can_be_seen_at_one_look() -> None:
    """Three to twelve modules, so that the name of each is read; a folder of more is sorted into families."""
    modules_of_folder = Counter(dotted(path.parent / "__init__.py") for path in MODULES if path.name != "__init__.py")
    assert {folder: size for folder, size in modules_of_folder.items() if not 3 <= size <= 12} == {}


def test_a_module_imports_only_from_its_own_wing_and_from_those_before_it() -> None:
    assert list(misplaced()) == []


def test_no_module_is_part_of_a_circle() -> None:
    """Lazy packages are left out: `rag`, `rag.index` and the like import when a name is first used."""
    lazy = {dotted(path) for path in MODULES if "__getattr__" in path.read_text(encoding="utf-8")}
    graph = {dotted(path): imports(path) - lazy for path in MODULES if dotted(path) not in lazy}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_functions_can_be_read_at_one_sitting_and_run_no_stored_or_remote_code() -> None:
    offenders = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        offenders += [f"{dotted(path)}: {forbidden}" for forbidden in FORBIDDEN if forbidden in text]
        offenders += [
            f"{dotted(path)}.{function.name}: {(function.end_lineno or 0) - function.lineno + 1} lines"
            for function in functions(parsed(path))
            if (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES
        ]
    assert offenders == []


def test_all_public_names_can_be_had_and_are_listed() -> None:
    assert rag.__all__ == sorted(rag.__all__)
    for name in rag.__all__:
        assert getattr(rag, name).__module__.startswith("rag.")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rag.nothing  # noqa: B018


def definitions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that a module defines at its top, and its definition."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ast.dump(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, ast.dump(node.value)) for target in targets if isinstance(target, ast.Name))


def ambiguous() -> set[str]:
    """Return the public names that have different definitions in two modules.

    Names of the command line are those that users type; each adapter offers the names that its library expects.
    """
    meanings: dict[str, set[str]] = {}
    for path in MODULES:
        if path.parent != PACKAGE and wing(dotted(path)) not in ("cli", "adapters"):
            for name, meaning in definitions(parsed(path)):
                meanings.setdefault(name, set()).add(meaning)
    return {name for name, several in meanings.items() if len(several) > 1 and name[0] != "_"} - {"main", "log"}


def test_no_public_name_has_two_meanings() -> None:
    assert ambiguous() == set()
