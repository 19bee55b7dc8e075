"""Truths about loading: text as decoded, ids, titles, metadata, and what is reported instead of raised."""

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.core.errors import EmptyDocument, LoadError, SourceNotFound, UnreadableSource, UnsupportedFormat
from rag.core.types import Document
from rag.loading import LOADERS, Source, discover, load, source_sha256, suffix
from rag.loading.formats.markup.markdown import front_matter_end
from rag.loading.language import detect
from rag.loading.metadata import json_safe
from rag.loading.sources import SUFFIXES
from tests.exploring import examples

ENGLISH = "The committee met on Monday and agreed that the bridge should be closed until the inspection is finished."


def loaded(path: Path) -> list[Document | LoadError]:
    return list(load(Source(path, path.name)))


def document(path: Path) -> Document:
    (result,) = loaded(path)
    assert isinstance(result, Document), result
    return result


def failure(path: Path) -> LoadError:
    (result,) = loaded(path)
    assert isinstance(result, LoadError), result
    return result


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path


class TestDiscover:
    def ids(self, *paths: Path) -> list[str]:
        return [source.document_id for source in discover(paths)]

    def test_ids_are_posix_paths_below_the_folder_in_order_and_hidden_ones_are_skipped(self, tmp_path: Path) -> None:
        for name in ("b.txt", "a/z.md", "a/b/c.bin", ".hidden.txt", ".git/x.txt", "a/.cache/y.txt", "A.txt"):
            written(tmp_path, name, "x")
        assert self.ids(tmp_path) == ["A.txt", "a/b/c.bin", "a/z.md", "b.txt"]

    def test_a_file_is_known_by_its_name_and_path_stays_as_given(self, tmp_path: Path) -> None:
        path = written(tmp_path, "deep/down/one.txt", "x")
        assert discover([path]) == [Source(path, "one.txt")]
        assert discover([tmp_path / "deep"]) == [Source(tmp_path / "deep" / "down" / "one.txt", "down/one.txt")]

    def test_a_single_path_is_taken_for_a_list_of_one(self, tmp_path: Path) -> None:
        path = written(tmp_path, "one.txt", "x")
        assert discover(str(path)) == [Source(path, "one.txt")]

    def test_equal_ids_get_the_folders_name_in_front_and_further_folders_while_they_are_equal(
        self, tmp_path: Path
    ) -> None:
        for name in ("x/docs/a.txt", "y/docs/a.txt", "y/docs/b.txt", "news/a.txt"):
            written(tmp_path, name, "x")
        folders = [tmp_path / "x/docs", tmp_path / "y/docs", tmp_path / "news"]
        expected = ["b.txt", "news/a.txt", "x/docs/a.txt", "y/docs/a.txt"]
        assert self.ids(*folders) == expected
        assert self.ids(*reversed(folders)) == expected

    def test_a_file_reached_twice_is_listed_once(self, tmp_path: Path) -> None:
        path = written(tmp_path, "sub/a.txt", "x")
        assert self.ids(tmp_path, path, tmp_path / "sub") == ["sub/a.txt"]

    def test_link_loops_end_and_a_linked_folder_is_read_under_the_name_where_it_lies(self, tmp_path: Path) -> None:
        written(tmp_path, "z/a.txt", "x")
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "z/up").symlink_to(tmp_path)
        (tmp_path / "also").symlink_to(tmp_path / "z")
        assert self.ids(tmp_path) == ["z/a.txt"]

    def test_a_file_with_links_to_it_is_listed_once_where_it_lies(self, tmp_path: Path) -> None:
        written(tmp_path, "given/z/a.txt", "x")
        written(tmp_path, "elsewhere/b.txt", "x")
        (tmp_path / "given/0.txt").symlink_to("z/a.txt")
        (tmp_path / "given/z/1.txt").symlink_to(tmp_path / "given/0.txt")
        for name in ("2.txt", "3.txt"):
            (tmp_path / "given" / name).symlink_to("../elsewhere/b.txt")
        (tmp_path / "given/gone 1.txt").symlink_to("nothing")
        (tmp_path / "given/gone 2.txt").symlink_to("nothing")
        found = {source.document_id: source.links for source in discover([tmp_path / "given"])}
        assert found == {
            "2.txt": (str(tmp_path / "given/3.txt"),),
            "gone 1.txt": (),
            "gone 2.txt": (),
            "z/a.txt": (str(tmp_path / "given/0.txt"), str(tmp_path / "given/z/1.txt")),
        }

    def test_a_link_to_a_folder_elsewhere_is_followed(self, tmp_path: Path) -> None:
        written(tmp_path, "other/a.txt", "x")
        (tmp_path / "given").mkdir()
        (tmp_path / "given/linked").symlink_to(tmp_path / "other")
        assert self.ids(tmp_path / "given") == ["linked/a.txt"]

    def test_a_broken_link_is_listed_and_load_reports_it(self, tmp_path: Path) -> None:
        (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
        (source,) = discover([tmp_path])
        error = failure(source.path)
        assert isinstance(error, UnreadableSource)
        assert "gone.txt is a link to a file that is not there" in error.message

    def test_a_missing_path_and_an_empty_folder_say_what_can_be_given(self, tmp_path: Path) -> None:
        with pytest.raises(SourceNotFound, match="nowhere"):
            discover([tmp_path / "nowhere"])
        with pytest.raises(SourceNotFound) as caught:
            discover([tmp_path])
        assert all(ending in caught.value.remedy for ending in LOADERS)
        with pytest.raises(SourceNotFound):
            discover([])

    def test_the_remedy_names_exactly_the_suffixes_that_have_a_loader(self) -> None:
        assert set(SUFFIXES) == set(LOADERS)

    def test_a_pipe_inside_a_folder_is_not_a_document(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.txt")
        written(tmp_path, "a.txt", "x")
        assert self.ids(tmp_path) == ["a.txt"]

    def test_a_name_that_is_not_utf8_gives_an_id_that_can_be_stored(self, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
        with open(path, "wb") as file:
            file.write(b"A menu.")
        (source,) = discover([tmp_path])
        assert source.document_id == "caf\\xe9.txt"
        assert document(source.path).source_path == str(tmp_path) + "/caf\\xe9.txt"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Gives up the rights of root for a while: root may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


class TestUnreadable:
    def test_a_file_without_permission_is_reported_with_its_remedy(self, open_folder: Path, nobody: None) -> None:
        path = open_folder / "closed.txt"
        os.seteuid(os.getuid())
        path.write_text("secret")
        path.chmod(0)
        if os.getuid() == 0:
            os.seteuid(65534)
        error = failure(path)
        assert isinstance(error, UnreadableSource)
        assert "permission" in error.message
        assert "permissions" in error.remedy
        with pytest.raises(UnreadableSource):
            source_sha256(path)

    def test_a_folder_that_may_not_be_opened_is_listed_and_reported(self, open_folder: Path, nobody: None) -> None:
        os.seteuid(os.getuid())
        written(open_folder, "seen.txt", ENGLISH)
        written(open_folder, "closed/hidden.txt", ENGLISH)
        (open_folder / "closed").chmod(0)
        if os.getuid() == 0:
            os.seteuid(65534)
        sources = discover([open_folder])
        assert [source.document_id for source in sources] == ["closed", "seen.txt"]
        assert isinstance(failure(sources[0].path), UnreadableSource)
        os.seteuid(os.getuid())
        (open_folder / "closed").chmod(0o755)

    def test_pipes_folders_and_vanished_files_do_not_hang_or_raise(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.txt")
        (tmp_path / "folder.txt").mkdir()
        for name, word in (("pipe.txt", "pipe"), ("folder.txt", "folder"), ("vanished.md", "gone")):
            error = failure(tmp_path / name)
            assert isinstance(error, UnreadableSource)
            assert name in error.message
            assert word in error.message
            assert error.remedy
        with pytest.raises(UnreadableSource, match="device"):
            source_sha256(Path("/dev/null"))

    def test_an_unknown_suffix_is_one_short_line_with_a_remedy(self, tmp_path: Path) -> None:
        for name in ("film.mp4", "noext", "archive.7z", "rows.json.zst"):
            error = failure(written(tmp_path, name, "x\0y\1"))
            assert isinstance(error, UnsupportedFormat)
            assert name in error.message
            assert len(error.remedy) < 100 and "\n" not in str(error)

    def test_the_longest_known_suffix_counts_in_any_case(self) -> None:
        assert [suffix(name) for name in ("Rows.JSONL.gz", "a.b.MD", "x.tar.gz", "y.gz", "README")] == [
            ".jsonl.gz",
            ".md",
            ".tar.gz",
            ".gz",
            "",
        ]

    def test_a_file_without_words_is_an_empty_document(self, tmp_path: Path) -> None:
        for data in (b"", b" \r\n\t\n", b"\xef\xbb\xbf", "\u00a0\u2028\n".encode()):
            error = failure(written(tmp_path, "a.txt", data))
            assert isinstance(error, EmptyDocument)
            assert "a.txt" in error.message


def test_file_sha256_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    assert source_sha256(written(tmp_path, "a.bin", data)) == hashlib.sha256(data).hexdigest()


class TestDecoding:
    NASTY = "a\r\nb\rc\n\n\u2028d\x0ce\u00a0f\x00g\u202eא\U0001f600e\u0301 ﬁ\ufeff end\r\n\r\n"

    @pytest.mark.parametrize("suffix", [".txt", ".md"])
    @pytest.mark.parametrize(
        "bom,encoding",
        [
            (b"", "utf-8"),
            (b"\xef\xbb\xbf", "utf-8"),
            (b"\xff\xfe", "utf-16-le"),
            (b"\xfe\xff", "utf-16-be"),
            (b"\xff\xfe\x00\x00", "utf-32-le"),
        ],
    )
    def test_text_is_what_was_encoded_and_the_mark_is_no_part_of_it(
        self, tmp_path: Path, suffix: str, bom: bytes, encoding: str
    ) -> None:
        data = bom + self.NASTY.encode(encoding)
        found = document(written(tmp_path, "a" + suffix, data))
        assert found.text == self.NASTY
        assert found.source_sha256 == hashlib.sha256(data).hexdigest()

    @pytest.mark.thorough
    @given(text=st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60))
    def test_any_utf8_text_comes_back_as_it_is(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (result,) = loaded(written(Path(folder), "a.txt", text))
        if text.removeprefix("\ufeff").strip():
            assert isinstance(result, Document)
            assert result.text == text.removeprefix("\ufeff")
        else:
            assert isinstance(result, EmptyDocument)

    @pytest.mark.parametrize(
        "encoding,text",
        [
            (
                "cp1251",
                "Израиль поддерживает тесные отношения с Азербайджаном уже более двадцати лет. Страны торгуют нефтью.",
            ),
            (
                "cp1252",
                "Die Bürger möchten wissen, ob die Brücke über die Straße bald geöffnet wird – „ja“ oder nein.",
            ),
            (
                "shift_jis",
                "委員会は月曜日に会合を開き、検査が終わるまで橋を閉鎖することに合意した。住民は反対している。",
            ),
            ("gb18030", "委员会星期一开会，同意在检查结束之前关闭这座桥。居民们表示反对，但市长说安全第一。"),
        ],
    )
    def test_older_encodings_are_recognised_and_named(self, tmp_path: Path, encoding: str, text: str) -> None:
        found = document(written(tmp_path, "a.txt", ((text + "\r\n") * 5).encode(encoding)))
        assert found.text == (text + "\r\n") * 5
        assert found.metadata["encoding"]

    @pytest.mark.parametrize(
        "text", ["Café crème brûlée", "It costs £5 or €6.", "The naïve owner’s résumé – “quoted”."]
    )
    def test_a_few_accented_letters_are_windows_1252(self, tmp_path: Path, text: str) -> None:
        found = document(written(tmp_path, "a.txt", text.encode("cp1252")))
        assert found.text == text
        assert found.metadata["encoding"] == "cp1252"

    def test_utf16_without_a_mark_is_recognised_by_its_nuls(self, tmp_path: Path) -> None:
        for encoding in ("utf-16-le", "utf-16-be"):
            assert document(written(tmp_path, "a.txt", ENGLISH.encode(encoding))).text == ENGLISH

    def test_nuls_in_valid_utf8_are_text(self, tmp_path: Path) -> None:
        assert document(written(tmp_path, "a.txt", b"one\0two\0\0 three")).text == "one\0two\0\0 three"

    def test_binary_data_is_refused(self, tmp_path: Path) -> None:
        image = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00" + bytes(range(256)) * 8
        noise = bytes((n * 197 + n // 7) % 255 + 1 for n in range(4_000))
        cut = b"\xff\xfea\x00b"
        for data in (image, noise, cut):
            error = failure(written(tmp_path, "a.txt", data))
            assert isinstance(error, UnreadableSource)
            assert "a.txt" in error.message


class TestPlainText:
    def test_the_title_is_a_short_first_line_with_a_blank_line_below(self, tmp_path: Path) -> None:
        cases = {
            "\n\n  Arms Deals \r\n \t\r\nLong text.": "Arms Deals",
            "Why so?\n\nBecause.": "Why so?",
            "Arms Deals\nLong text.": None,
            "Arms Deals": None,
            "x" * 200 + "\n\ny": "x" * 200,
            "x" * 201 + "\n\ny": None,
            "The company was founded in the spring of 1985 by two brothers from the north.\n\nMore.": None,
        }
        for text, title in cases.items():
            assert document(written(tmp_path, "a.txt", text)).title == title

    def test_the_seeds_load_unchanged_with_their_titles(self) -> None:
        found = [result for source in discover(["seeds"]) for result in load(source)]
        assert all(isinstance(result, Document) for result in found)
        titles = [result.title for result in found if isinstance(result, Document)]
        assert titles == [
            "Why does Israel highly values friendly relations with Muslim Azerbaijan?",
            "Pure Friendship or Vested Interest? Israel-Azerbaijan Relations Explained",
        ]
        for result in found:
            assert isinstance(result, Document)
            assert result.source_path is not None
            assert result.text.encode("utf-8") == Path(result.source_path).read_bytes()
            assert result.source_sha256 == source_sha256(Path(result.source_path))
            assert result.metadata["language"] == "en"
            assert result.format == "text"


FRONT = """---
title: "A: title"
date: 2024-05-06
updated: 2024-05-06 07:08:09
url: https://example.org/a
author: [Ann, {name: Bo}]
tags: [x, 1, true, null]
lang: en-GB
publisher: The Paper
1: one
---

# Another title

Text.
"""


class TestMarkdown:
    def test_front_matter_gives_metadata_and_stays_in_the_text(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.md", FRONT))
        assert found.text == FRONT
        assert found.format == "markdown"
        assert found.title == "A: title"
        assert found.metadata == {
            "published_at": "2024-05-06",
            "updated": "2024-05-06T07:08:09",
            "uri": "https://example.org/a",
            "author": "Ann, Bo",
            "tags": ["x", 1, True, None],
            "language": "en",
            "publisher": "The Paper",
            "1": "one",
        }
        assert FRONT[: front_matter_end(FRONT)].endswith("1: one\n---")

    def test_a_key_under_its_own_name_wins_over_its_alias(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.md", "---\ndate: 1999-01-01\npublished_at: '2001'\n---\n# T\n"))
        assert found.metadata["published_at"] == "2001"
        assert found.metadata["date"] == "1999-01-01"

    def test_without_a_title_in_front_the_first_heading_of_level_one_is_it(self, tmp_path: Path) -> None:
        cases = {
            "## Two\n\n# One [link](http://x) `code` #\n": "One link code",
            "```\n# not this\n```\n\n# This\n": "This",
            "~~~\n# no\n```\n# no\n~~~\n# Yes\n": "Yes",
            "Set\n===\n\n# Later\n": "Set",
            "#NoSpace\n\n# **Bold** it\r\n": "Bold it",
            "Only text.\n": None,
            "---\ntitle: '  '\n---\n# Heading\n": "Heading",
            "---\ntitle: 2024\n---\nx\n": "2024",
        }
        for text, title in cases.items():
            assert document(written(tmp_path, "a.md", text)).title == title, text

    def test_broken_or_endless_front_matter_does_not_stop_the_document(self, tmp_path: Path) -> None:
        bomb = "a: &a [x, x]\n" + "".join(
            f"k{n}: &k{n} [*{p}, *{p}]\n" for n, p in enumerate(["a"] + [f"k{i}" for i in range(40)])
        )
        for matter in (
            "a: [1\n",
            "date: 2021-13-45\n",
            "a: &a [*a]\n",
            bomb,
            "a: !!python/object:os.system {}\n",
            "just: \ttab\n x\n",
        ):
            text = f"---\n{matter}---\n\n# Title\n"
            found = document(written(tmp_path, "a.md", text))
            assert found.text == text
            assert found.title == "Title"
            assert found.metadata.keys() <= {"language"}

    def test_a_rule_on_the_first_line_is_not_front_matter(self) -> None:
        for text in (
            "---\n\nSome prose here.\n\n---\n",
            "---\nno end: here\n",
            "----\na: b\n----\n",
            " ---\na: b\n---\n",
        ):
            assert front_matter_end(text) == 0

    def test_front_matter_ends_at_the_first_closing_line_with_any_line_end(self) -> None:
        for end in ("\n", "\r\n", "\r"):
            text = end.join(["---", "# comment", "", "a: b", "...", "c: d", "---", ""])
            assert text[: front_matter_end(text)] == end.join(["---", "# comment", "", "a: b", "..."])
        assert front_matter_end("---\n---\nText") == 7


class TestJsonl:
    ROWS = '{"_id": "a/1 ", "title": "One", "text": " Text\\r\\nof one. ", "date": "2020-01-02", "id": 7}\n'

    def test_rows_are_documents_with_their_ids_and_texts_exactly(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.jsonl", self.ROWS + "\n" + '{"id": 12, "text": "Two.", "title": " "}')
        one, two = loaded(path)
        assert isinstance(one, Document)
        assert isinstance(two, Document)
        assert (one.id, one.title, one.text) == ("a/1 ", "One", " Text\r\nof one. ")
        assert one.metadata == {"published_at": "2020-01-02", "id": 7}
        assert one.source_sha256 == hashlib.sha256(self.ROWS.rstrip("\n").encode()).hexdigest()
        assert one.source_path == str(path)
        assert (two.id, two.title, two.text) == ("12", None, "Two.")

    def test_a_row_without_an_id_is_known_by_its_line_and_without_a_text_by_all_its_values(
        self, tmp_path: Path
    ) -> None:
        rows = b'{"text": "One."}\n\n{"question": "When?", "answer": {"day": "At noon."}}\n'
        one, two = loaded(written(tmp_path, "rows.jsonl", rows))
        assert isinstance(one, Document) and isinstance(two, Document)
        assert (one.id[-12:], one.text, one.layout.rows) == ("rows.jsonl#1", "One.", ((0, 1),))
        assert (two.id[-12:], two.text) == ("rows.jsonl#3", "question: When?\nanswer.day: At noon.")

    def test_a_row_hashes_the_same_with_any_line_end_or_none(self, tmp_path: Path) -> None:
        row = b'{"_id": "a", "text": "b"}'
        hashes = {
            document(written(tmp_path, "a.jsonl", mark + row + end)).source_sha256
            for mark in (b"", b"\xef\xbb\xbf")
            for end in (b"", b"\n", b"\r\n")
        }
        assert hashes == {hashlib.sha256(row).hexdigest()}

    @pytest.mark.parametrize(
        "row,says",
        [
            (b"{", "not JSON"),
            (b'["a"]', "not a JSON object"),
            (b'{"_id": null, "text": "x"}', "no _id"),
            (b'{"_id": " ", "text": "x"}', "not a text"),
            (b'{"_id": 1.5, "text": "x"}', "_id is 1.5"),
            (b'{"_id": true, "text": "x"}', "_id is true"),
            (b'{"_id": "b"}', "no text"),
            (b'{"_id": "b", "text": null}', "no text"),
            (b'{"_id": "b", "text": ["x"]}', "text is"),
            (b'{"_id": "b", "text": " "}', "empty"),
            (b'{"_id": "ok", "text": "again"}', "used before"),
            (b'{"_id": "b", "text": "\\ud800"}', "surrogate"),
            (b'{"_id": "\\udfff", "text": "x"}', "surrogate"),
            (b'{"_id": "b", "text": "x", "author": "\\ud800"}', "surrogate"),
            (b'{"_id": "b", "text": "\xff"}', "not UTF-8"),
            (b'{"_id": "b", "text": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
            (b'{"_id": "b", "text": "x", "n": ' + b"9" * 5_000 + b"}", "line 2"),
        ],
    )
    def test_a_bad_row_is_an_error_naming_the_line_and_the_rest_goes_on(
        self, tmp_path: Path, row: bytes, says: str
    ) -> None:
        before, after = b'{"_id": "ok", "text": "x"}\n', b'\n{"_id": "last", "text": "y"}\n'
        first, error, last = loaded(written(tmp_path, "rows.jsonl", before + row + after))
        assert isinstance(first, Document)
        assert isinstance(last, Document)
        assert isinstance(error, LoadError)
        assert "rows.jsonl, line 2" in error.message
        assert says in error.message
        assert error.remedy

    def test_an_inner_metadata_object_counts_as_the_rows_own_keys(self, tmp_path: Path) -> None:
        row = {"_id": "a", "text": "x", "url": "http://own", "metadata": {"url": "http://inner", "author": "Ann"}}
        found = document(written(tmp_path, "a.jsonl", json.dumps(row)))
        assert found.metadata == {"uri": "http://own", "author": "Ann"}

    def test_values_that_json_lacks_become_null(self, tmp_path: Path) -> None:
        found = document(written(tmp_path, "a.jsonl", '{"_id": "a", "text": "x", "n": NaN, "m": [Infinity, 1.5]}'))
        assert found.metadata == {"n": None, "m": [None, 1.5]}
        json.dumps(found.metadata, allow_nan=False)

    def test_gzip_is_the_same_rows(self, tmp_path: Path) -> None:
        plain = written(tmp_path, "a.jsonl", self.ROWS)
        packed = written(tmp_path, "a.jsonl.gz", gzip.compress(self.ROWS.encode()))
        assert document(plain).text == document(packed).text
        assert document(plain).source_sha256 == document(packed).source_sha256

    def test_damaged_gzip_keeps_the_rows_before_and_reports_the_rest(self, tmp_path: Path) -> None:
        rows = "".join(
            json.dumps({"_id": str(n), "text": hashlib.sha256(b"%d" % n).hexdigest() * 40}) + "\n" for n in range(500)
        )
        data = gzip.compress(rows.encode())
        results = loaded(written(tmp_path, "a.jsonl.gz", data[: len(data) // 2]))
        assert len(results) > 100
        assert all(isinstance(result, Document) for result in results[:-1])
        assert isinstance(results[-1], UnreadableSource)
        assert f"after line {len(results) - 1}" in results[-1].message
        assert isinstance(failure(written(tmp_path, "b.jsonl.gz", self.ROWS)), UnreadableSource)

    def test_a_row_too_long_to_hold_is_skipped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rag.loading.formats.spreadsheets.jsonl.MAX_ROW_BYTES", 50)
        rows = [
            b'{"_id": "a", "text": "x"}',
            b'{"_id": "b", "text": "' + b"y" * 500 + b'"}',
            b'{"_id": "c", "text": "z"}',
        ]
        first, error, last = loaded(written(tmp_path, "a.jsonl", b"\n".join(rows)))
        assert isinstance(first, Document)
        assert isinstance(last, Document)
        assert isinstance(error, UnreadableSource)
        assert (first.id, last.id) == ("a", "c")
        assert "line 2" in error.message

    def test_rows_are_read_one_at_a_time(self, tmp_path: Path) -> None:
        path = written(tmp_path, "a.jsonl", self.ROWS)
        results = load(Source(path, "a.jsonl"))
        next(results)
        with path.open("ab") as file:
            file.write(b'{"_id": "late", "text": "written after the first row was read"}\n')
        assert [result.id for result in results if isinstance(result, Document)] == ["late"]


class TestMetadata:
    def test_languages_of_long_enough_texts_are_named(self) -> None:
        texts = {
            "en": ENGLISH,
            "de": "Der Ausschuss tagte am Montag und beschloss, die Brücke bis zum Ende der Prüfung zu sperren.",
            "fr": "Le comité s'est réuni lundi et a décidé de fermer le pont jusqu'à la fin de l'inspection.",
            "es": "El comité se reunió el lunes y acordó cerrar el puente hasta que termine la inspección.",
            "ru": "Комитет собрался в понедельник и решил закрыть мост до окончания проверки.",
            "zh": "委员会星期一开会，同意在检查结束之前关闭这座桥。居民们表示反对。",
            "ar": "اجتمعت اللجنة يوم الاثنين واتفقت على إغلاق الجسر حتى انتهاء التفتيش.",
        }
        assert {language: detect(text) for language, text in texts.items()} == {
            language: language for language in texts
        }

    def test_short_or_wordless_texts_have_no_language(self) -> None:
        assert [detect(text) for text in ("", "x", "Arms Deals", "12 345 678 " * 20, "🙂" * 50)] == [None] * 5

    @pytest.mark.thorough
    @settings(max_examples=examples(60))
    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.dates()
            | st.datetimes()
            | st.binary()
            | st.text(alphabet=st.characters(codec="utf-8")),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.integers() | st.dates() | st.booleans(), inner) | st.tuples(inner)
            ),
        )
    )
    def test_whatever_yaml_makes_becomes_json_that_reads_back_equal(self, value: object) -> None:
        safe = json_safe(value)
        assert json.loads(json.dumps(safe, allow_nan=False)) == safe
