"""The face of the package and the order of its rooms."""

import ast
from pathlib import Path

import pytest

import rag

PACKAGE = Path(rag.__file__).parent
ORDER = (
    "errors json_text types response protocols settings configuration filters"
    " loading blocks sentences wordings boilerplate chunking weights encoder_graph runtime"
    " lean embedding dense quantised quantising lexical function_words fusion"
    " questions reader_input decoding span_model hub_models reading confidence"
    " citation values duplicates agreement context recheck turns"
    " sketches repeats database overlaps store generations vector_files wholeness unfinished reports derived writer"
    " moves ingest build milvus index fanout repair transfer watching retrieval answers explanation feedback assistant"
    " evaluation export adapters ui service terminal running upkeep saved cli"
).split()
LATE = {("response", "export")}
"""Methods that hand on to a face for the caller's comfort; the face is imported when they are called."""
LONGEST_ROOM, LONGEST_FUNCTION, MOST_FIELDS = 350, 40, 12


def rooms() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "rag":
            names += [f"rag.{alias.name}" for alias in node.names if alias.name in ORDER]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("rag.")}


def test_every_room_is_in_the_order() -> None:
    assert {room_of(path) for path in rooms()} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", [path for path in rooms() if path.parent != PACKAGE or path.name != "__init__.py"],
                         ids=lambda path: str(path.relative_to(PACKAGE)))  # fmt: skip
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    below = {
        other for other in imported_rooms(path)
        if ORDER.index(other) > ORDER.index(room) and (room, other) not in LATE and room != "protocols"
    }  # fmt: skip
    assert not below, f"{room} imports {below} from below"


def test_all_public_names_can_be_had_and_are_listed() -> None:
    assert rag.__all__ == sorted(rag.__all__)
    for name in rag.__all__:
        assert getattr(rag, name).__module__.startswith("rag.")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rag.nothing  # noqa: B018


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_and_functions_read_at_one_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_ROOM
    for function in functions(ast.parse(text)):
        assert (function.end_lineno or 0) - function.lineno < LONGEST_FUNCTION, function.name


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_room_can_run_stored_or_remote_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for forbidden in ("import pickle", "allow_pickle=True", "trust_remote_code=True", "eval(", "exec("):
        assert forbidden not in text
