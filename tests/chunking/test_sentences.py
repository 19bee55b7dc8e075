"""Truths about blocks and sentences: nothing lost, nothing twice, cut where a reader would cut."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking.sentences import blocks, sentences
from rag.core.types import Block, Document, Span
from rag.loading import discover, load
from tests.exploring import examples

PIECES = [
    *"aB1 .!?,:;'\"()[]-#*_=`~|>+\t\n\r\x00\x0b\x0c\x1c\x85\u00a0\u2028\u2029\u200b\u200f\u202e\u0301“”…",
    *(
        "\r\n",
        "\n\n",
        "ab cd. ",
        "Ef gh",
        "1. ",
        "- ",
        "# ",
        "```\n",
        "---\n",
        "| a |",
        "|-|-|\n",
        "    ",
        "Mr. ",
        "[1]",
    ),
    *("e\u0301", "\U0001f468\u200d\U0001f469", "مرحبا؟ ", "שלום", "今日は。」", "नमस्ते। "),
]
NASTY = st.lists(st.sampled_from(PIECES), max_size=60).map("".join).filter(str.strip)
FORMATS = st.sampled_from(["text", "markdown"])


def shown(document: Document) -> list[tuple[str, int | None, str]]:
    return [(block.kind, block.level, document.slice(block.span)) for block in blocks(document)]


def plain(text: str, title: str | None = None) -> list[tuple[str, int | None, str]]:
    return shown(Document("d", text, title=title))


def markdown(text: str) -> list[tuple[str, int | None, str]]:
    return shown(Document("d", text, format="markdown"))


def cut(text: str) -> list[str]:
    """Return the sentences of a text taken as one paragraph."""
    document = Document("d", text)
    block = Block(Span("d", 0, len(text)))
    return [document.slice(span) for span in sentences(document, block)]


def check_cover(document: Document) -> None:
    """Assert that blocks and sentences are in order, without blank ends, and hold all that is not white space."""
    covered = [False] * len(document.text)
    end = 0
    for block in blocks(document):
        assert block.span.document_id == document.id
        assert end <= block.span.start < block.span.end <= len(document.text)
        end = block.span.end
        at = block.span.start
        for span in sentences(document, block):
            words = document.slice(span)
            assert words == words.strip() != ""
            assert at <= span.start < span.end <= block.span.end
            at = span.end
            covered[span.start : span.end] = [True] * len(span)
        assert document.slice(block.span) == document.slice(block.span).strip()
        assert at == block.span.end
    left = [character for character, seen in zip(document.text, covered, strict=True) if not seen]
    assert not "".join(left).strip()


class TestLaws:
    @settings(max_examples=examples(400))
    @given(NASTY, FORMATS)
    def test_every_character_that_is_not_white_space_is_in_one_block_and_one_sentence(
        self, text: str, format: str
    ) -> None:
        check_cover(Document("d", text, format=format))

    @settings(max_examples=examples(100))
    @given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=80).filter(str.strip), FORMATS)
    def test_the_same_holds_for_any_text(self, text: str, format: str) -> None:
        check_cover(Document("d", text, format=format))

    def test_the_same_holds_for_the_seeds(self) -> None:
        found = [result for source in discover(["seeds"]) for result in load(source)]
        assert len(found) == 2
        for result in found:
            assert isinstance(result, Document)
            check_cover(result)

    @pytest.mark.parametrize("format", ["text", "markdown"])
    @pytest.mark.thorough
    @pytest.mark.parametrize(
        "text",
        [
            "word " * 200_000,
            "a" * 1_000_000,
            "He left. " * 20_000,
            "." * 300_000 + "x",
            "(." * 25_000,
            '?"' * 25_000,
            "۔" * 200_000 + "x",
            "。" * 100_000,
            "x\n" * 50_000,
            "\n" * 500_000 + "x",
            "---\n" + "\r\n" * 20_000,
            "> " * 100_000 + "x",
            "|-" * 100_000 + "x",
            "- " * 100_000 + "x",
        ],
        ids=lambda text: repr(text[:8]),
    )
    def test_long_monotonous_texts_take_no_more_than_linear_time(self, text: str, format: str) -> None:
        def seconds(document: Document) -> float:
            start = time.process_time()
            assert sum(len(sentences(document, block)) for block in blocks(document)) > 0
            return time.process_time() - start

        half = Document("d", text[: len(text) // 8] + "x", format=format)
        seconds(half)
        # Quadratic work would take 64 times as long; 24 leaves room for a noisy machine.
        assert seconds(Document("d", text, format=format)) < 24 * max(seconds(half), 0.05)


class TestPlainText:
    def test_blank_lines_part_blocks_whatever_the_line_end(self) -> None:
        for end in ("\n", "\r\n", "\r", "\u2028", "\x85"):
            text = end.join(["one", " \t", "two \u00a0", "", "", "three"])
            assert [words for _, _, words in plain(text)] == ["one", "two", "three"]

    def test_hard_wrapped_lines_are_one_paragraph(self) -> None:
        text = (
            "The committee met on Monday and agreed that the old bridge should\n"
            "be closed until the inspection is finished. Nobody knows when that\n"
            "will be.\n\n"
            "A second paragraph follows here, with lines of about the same size\n"
            "as the first one had."
        )
        assert [words for _, _, words in plain(text)] == text.split("\n\n")

    def test_a_line_that_had_room_for_the_next_word_ends_its_block(self) -> None:
        lines = ["A short caption", "Subscribe", "The committee met on Monday and agreed that the bridge is closed."]
        assert [words for _, _, words in plain("\n".join(lines))] == lines

    def test_lines_longer_than_any_page_width_are_paragraphs(self) -> None:
        lines = ["Caption " * 20, "Subscribe", "The first paragraph " * 10]
        assert [words for _, _, words in plain("\n".join(lines))] == [line.strip() for line in lines]

    def test_items_of_a_list_are_blocks_with_their_wrapped_lines(self) -> None:
        items = [
            "- The first item is long enough that it had to be broken at the\n  margin of the page.",
            "- The second item, which fills the whole line, and not more of it.",
            "- Third.",
        ]
        assert plain("\n".join(items)) == [("list_item", None, item) for item in items]

    def test_short_lines_alone_above_something_longer_are_headings(self) -> None:
        body = "Azerbaijan bought small arms and drones from Israeli companies."
        for line in ("Arms Deals", "2 Energy Cooperation", "Überblick"):
            assert plain(f"{body}\n\n{line}\n\n{body}")[1] == ("heading", 2, line)
        for line in ("It was over.", "Really?", "and so on", "He said:", "Deals " * 15):
            assert plain(f"{body}\n\n{line}\n\n{body}")[1][0] == "paragraph"

    def test_the_last_line_and_a_line_above_something_shorter_are_no_headings(self) -> None:
        assert [kind for kind, _, _ in plain("A sentence comes here, at first.\n\nBe the first\n\nReplies\n\nEnd")] == [
            "paragraph"
        ] * 4

    def test_in_a_list_of_short_lines_none_is_the_heading_of_the_next(self) -> None:
        lines = ["Weight loss", "Cool hands and feet", "Swollen lymph nodes in the neck"]
        body = "These signs need not mean anything, but tell your doctor about them all the same."
        assert [kind for kind, _, _ in plain("\n\n".join([body, *lines]))] == ["paragraph"] * 4
        assert [kind for kind, _, _ in plain(f"{body}\n\nPart One\n\nCool hands\n\n{body}")][1:3] == ["heading"] * 2

    def test_lines_of_uneven_length_flow_while_they_break_sentences_off(self) -> None:
        text = (
            "approximate solutions of the incompressible laminar\nboundary layer equations in shear flow .\n"
            "the problem for a flat plate in a\nshear flow is considered .  comparison with\nthe uniform flow is made ."
        )
        assert plain(text) == [("paragraph", None, text)]
        letter = "Dear all, this is to tell you that the office is closed.\nBest wishes\nJane"
        assert [words for _, _, words in plain(letter)] == letter.split("\n")

    def test_the_title_line_is_the_heading_of_level_one(self) -> None:
        text = "Is it? Yes.\n\nNo.\n\nWhat follows is longer."
        assert plain(text, title="Is it? Yes.")[0] == ("heading", 1, "Is it? Yes.")
        assert plain(text, title=None)[0] == ("paragraph", None, "Is it? Yes.")

    def test_headings_of_the_seeds(self) -> None:
        found = {
            source.document_id[:3]: [
                (block.level, result.slice(block.span))
                for result in load(source)
                if isinstance(result, Document)
                for block in blocks(result)
                if block.kind == "heading"
            ]
            for source in discover(["seeds"])
        }
        assert found == {
            "000": [
                (1, "Why does Israel highly values friendly relations with Muslim Azerbaijan?"),
                (2, "Arms Deals"),
                (2, "Energy Cooperation"),
                (2, "Intelligence Cooperation"),
                (2, "Leave a Reply"),
            ],
            "003": [
                (1, "Pure Friendship or Vested Interest? Israel-Azerbaijan Relations Explained"),
                (2, "Beginning of Friendship"),
                (2, "Pure Interests"),
            ],
        }

    def test_the_caption_the_button_and_the_first_paragraph_of_the_seed_are_apart(self) -> None:
        (result,) = load(discover([Path("seeds/003_ef5e1746d28300d1.txt")])[0])
        assert isinstance(result, Document)
        words = [result.slice(block.span) for block in blocks(result)]
        at = words.index("Subscribe")
        assert words[at - 1].endswith("- Sputnik International")
        assert words[at + 1].startswith("Armenia decided to recall its ambassador")


class TestMarkdown:
    def test_a_year_at_the_start_of_a_wrapped_line_begins_no_list(self) -> None:
        assert markdown("The hall was sold in\n1880. It burnt down. It has:\n1. a door\n2. a roof") == [
            ("paragraph", None, "The hall was sold in\n1880. It burnt down. It has:"),
            ("list_item", None, "1. a door"),
            ("list_item", None, "2. a roof"),
        ]

    def test_each_construct_is_a_block_of_its_kind(self) -> None:
        text = (
            "---\ntitle: x\n---\n"
            "# One #\nText that is\nwrapped.\nTwo\n---\nThree\n===\n"
            "- item\n  goes on\n* item two\n1. first\n2) second\n\n"
            "  still the second\n\n"
            "| a | b |\n|---|:-:|\n| 1 | 2 |\n\n"
            "```python\ncode\n\n# no heading\n```\nafter\n\n"
            "    indented code\n\n"
            "***\n> quote\n> more\n####### seven\n###### six"
        )
        assert markdown(text) == [
            ("metadata", None, "---\ntitle: x\n---"),
            ("heading", 1, "# One #"),
            ("heading", 2, "Text that is\nwrapped.\nTwo\n---"),
            ("heading", 1, "Three\n==="),
            ("list_item", None, "- item\n  goes on"),
            ("list_item", None, "* item two"),
            ("list_item", None, "1. first"),
            ("list_item", None, "2) second"),
            ("paragraph", None, "still the second"),
            ("table_header", None, "| a | b |"),
            ("table_row", None, "|---|:-:|"),
            ("table_row", None, "| 1 | 2 |"),
            ("code", None, "```python\ncode\n\n# no heading\n```"),
            ("paragraph", None, "after"),
            ("code", None, "indented code"),
            ("paragraph", None, "***"),
            ("paragraph", None, "> quote\n> more\n####### seven"),
            ("heading", 6, "###### six"),
        ]

    def test_an_unclosed_fence_runs_to_the_end_and_a_shorter_one_does_not_close_it(self) -> None:
        assert markdown("````\na\n```\nb\n") == [("code", None, "````\na\n```\nb")]

    def test_the_same_text_as_plain_text_has_no_markdown(self) -> None:
        assert [kind for kind, _, _ in plain("---\ntitle: x\n---\n```\n# a\n```")] == ["paragraph"] * 6

    def test_code_has_a_sentence_for_each_line_and_a_row_is_one(self) -> None:
        document = Document("d", "```\na. B. C\n\nd\n```\n\n|a. B|\n|-|\n", format="markdown")
        found = [[document.slice(span) for span in sentences(document, block)] for block in blocks(document)]
        assert found[0] == ["```", "a. B. C", "d", "```"]
        assert found[1] == ["|a. B|"]


# Each row is a paragraph cut by hand.
CUTS = [
    ["It works.", "Does it?", "Yes!", "Fine…", "Good"],
    ["He lives in the U.S. and works for Mr. J. R. Smith (No. 5) at Acme Inc. in St. Paul."],
    ["It rose 3.5 percent to $1.6 billion.", "In 2012 it fell."],
    ['"I agree," he said.', '"So do they."', "Then he left."],
    ['agree," he said.'],
    ['But everyone also wants a win."', "Castaignede admitted it."],
    ['"Stop!" Smith said.', '"Who is it?" she asked.', "(He ran.)", "[Applause.]", "‘Done.’"],
    ["Wham! have a hit, and so has Yahoo! this week.", "Who knows?"],
    [
        "He won in a row last month.",
        "Earlier, he had a 1-0 win.",
        "According to reports. it was art.",
        "Nathan wrote it.",
    ],
    [
        "There are many kinds of vitamin K.",
        "Most people get it.",
        "World War I.",
        "But then he got a C.",
        "This was bad.",
    ],
    ["J. R. R. Tolkien and George W. Bush met E. Lee at 5 p.m. on Monday."],
    ["He left at 5 p.m.", "The bell rang in Washington, D.C.", "The end."],
    ["1. Increase your activity.", "2. Eat less."],
    ["See fig. 3 and vol. II, e.g. Smith, and cf. Jones v. Brown, pp. 4 ff."],
    ["The SEC.", "Companies object.", "He told The Sun.", "We agreed."],
    ["It is true.[1]", "So is this.[2][3]", "And this. [citation needed]", "[He] agreed."],
    ["I never sold ... anything...", "Nothing."],
    ["今日は晴れ。", "明日は「雨だ。」と言った。", "本当？", "はい！"],
    ["他说：“好。”", "然后走了！", "真的？", "是。"],
    ["هل جاء؟", "نعم.", "وہ آیا۔", "پھر گیا۔"],
    ["यह है।", "वह गया॥", "हाँ"],
    ["Он пришёл.", "Г. Иванов сказал: «Да!»", "И ушёл."],
    ["Am 3. Oktober kam Dr. Müller z.B. nach Berlin.", "Er sagte: „Ja!“", "Dann ging er."],
    ["« Oui ! » dit-il.", "Puis il partit."],
    ["¿Qué pasa?", "¡Bien!", "Nada."],
]


class TestSentences:
    @pytest.mark.parametrize("expected", CUTS, ids=lambda row: row[0][:30])
    def test_paragraphs_are_cut_as_by_hand(self, expected: list[str]) -> None:
        joined = " ".join(expected)
        assert cut(joined) == expected
        assert cut(joined.replace(" ", "\u00a0\n ")) == [words.replace(" ", "\u00a0\n ") for words in expected]

    def test_no_sentence_crosses_a_block(self) -> None:
        document = Document("d", "The title of it all\n\nHe said that\n\nit was over and that nobody would ever know")
        assert [[document.slice(s) for s in sentences(document, b)] for b in blocks(document)] == [
            ["The title of it all"],
            ["He said that"],
            ["it was over and that nobody would ever know"],
        ]

    def test_a_heading_is_one_sentence(self) -> None:
        document = Document("d", "Is it? No. Yes!\n\nA longer paragraph follows.", title="Is it? No. Yes!")
        assert [document.slice(span) for span in sentences(document, blocks(document)[0])] == ["Is it? No. Yes!"]

    def test_a_stretch_without_an_end_stays_whole_however_long(self) -> None:
        assert cut("word " * 5_000 + "end. Next.") == ["word " * 5_000 + "end.", "Next."]

    def test_long_paragraphs_are_cut_like_short_ones(self) -> None:
        sentence = (
            "The committee met on Monday, and agreed that Mr. Smith of the U.S. should stay until 5 p.m. on Friday."
        )
        assert cut(" ".join([sentence] * 500)) == [sentence] * 500
