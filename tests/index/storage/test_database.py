from pathlib import Path

import pytest

from rag.core.errors import IndexCorrupt
from rag.index.storage.database import DatabaseFile


def test_a_damaged_table_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    database = DatabaseFile(path, writable=True)
    database.rows(f"CREATE TABLE texts (\n  row INTEGER,\n  {'x' * 500} TEXT)")
    database.close()
    content = path.read_bytes()
    assert content.count(b" row INTEGER") == 1
    path.write_bytes(content.replace(b" row INTEGER", b"`row INTEGER"))
    with pytest.raises(IndexCorrupt, match="malformed database schema") as caught:
        DatabaseFile(path, writable=False).rows("SELECT * FROM texts")
    assert "\n" not in str(caught.value) and len(caught.value.message) < len(str(path)) + 300
