import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rag.core.errors import InvalidInput
from rag.core.types import Document
from rag.index.index import Index
from rag.loading.sources import UPLOADS
from rag.server.files.removals import Removals
from rag.server.files.source_states import SourceStates
from rag.server.files.uploads import add_files

if TYPE_CHECKING:
    from rag.core.protocols import Embedder

ROWS = '{"_id": "one", "text": "It rained."}\n{"_id": "two", "text": "It snowed."}\n'


def test_a_removal_is_undone_for_files_uploads_rows_and_documents_without_a_file(
    tmp_path: Path, embedder: "Embedder"
) -> None:
    folder, sent = tmp_path / "articles", tmp_path / "sent"
    folder.mkdir()
    sent.write_text("The pier was painted green.", encoding="utf-8")
    (folder / "a.txt").write_text("The bell rang at noon.", encoding="utf-8")
    (folder / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    index = Index.build(folder, tmp_path / "index", embedder=embedder)
    add_files(index, [("pier.txt", sent)])
    index.add([Document("made", "It hailed.", metadata={"author": "Ann"})])
    before = {summary.id: index.document(summary.id) for summary in index.documents()}
    removals, upload = Removals(), index.path / UPLOADS / "pier.txt"

    report, name = removals.remove(index, ["a.txt", "two", "pier.txt", "made", "unknown"])
    assert sorted(report.removed) == ["a.txt", "made", "pier.txt", "two"]
    assert [summary.id for summary in index.documents()] == ["one"]
    assert not upload.exists()

    removals.undo(index, name)
    assert {summary.id: index.document(summary.id) for summary in index.documents()} == before
    assert upload.read_text(encoding="utf-8") == "The pier was painted green."
    with pytest.raises(InvalidInput, match="cannot be undone"):
        removals.undo(index, name)

    states = SourceStates()
    assert states.of(index, index.documents()) == {}
    (folder / "a.txt").write_text("The bell rang at dusk.", encoding="utf-8")
    upload.unlink()
    assert states.of(index, index.documents()) == {"a.txt": "changed", "pier.txt": "missing"}


def test_a_removal_that_is_not_undone_in_time_leaves_nothing(tmp_path: Path, embedder: "Embedder") -> None:
    (tmp_path / "a.txt").write_text("The bell rang at noon.", encoding="utf-8")
    index = Index.build(tmp_path / "a.txt", tmp_path / "index", embedder=embedder)
    sent = tmp_path / "sent"
    sent.write_text("The pier was painted green.", encoding="utf-8")
    add_files(index, [("pier.txt", sent)])
    removals = Removals(seconds=0.0)
    _, name = removals.remove(index, ["pier.txt"])
    until = time.monotonic() + 60
    while any(Path(removals._folder).iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(Path(removals._folder).iterdir())
    with pytest.raises(InvalidInput, match="cannot be undone"):
        removals.undo(index, name)
