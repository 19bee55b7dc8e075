import pytest

from rag.core.errors import EvaluationError
from rag.core.types import Document, Span
from rag.server.page.question_sets.question_files import read_questions

BELLS = Document("bells", "The bell rang. It rained. The bell rang.")
TOWERS = Document("towers", "A tower stood. The bell rang.", metadata={"doc": "guide"})


def test_an_answer_is_meant_wherever_its_text_stands() -> None:
    (question,) = read_questions(b"question,answer\nWhat rang?,The bell rang.\n", "q.csv", [BELLS, TOWERS]).questions
    assert question.golds == (Span("bells", 0, 14), Span("bells", 26, 40), Span("towers", 15, 29))
    assert question.answerable and question.references == ("The bell rang.",)


def test_a_document_that_is_named_narrows_it_and_an_empty_answer_means_none() -> None:
    text = b"\xef\xbb\xbfQuestion, Answer ,document\nWhat rang?,The bell rang.,towers\nWho sang?,,\n"
    first, second = read_questions(text, "q.csv", [BELLS, TOWERS]).questions
    assert first.golds == (Span("towers", 15, 29),)
    assert second.impossible and not second.golds


def test_offsets_are_taken_where_they_are_given() -> None:
    line = b'{"question": "What?", "answers": [{"text": "It rained.", "doc": "bells", "start": 15, "end": 25}]}\n\n'
    (question,) = read_questions(line, "q.jsonl", [BELLS]).questions
    assert question.golds == (Span("bells", 15, 25),)
    dataset = read_questions(b'{"question": "Who?", "answerable": false, "answers": []}', "q.jsonl", [BELLS, TOWERS])
    assert dataset.questions[0].impossible
    assert dataset.articles == {"bells": "bells", "towers": "guide"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no columns question and answer"),
        (b"question,answer\n", "holds no question"),
        (b"asked,said\nx,y\n", "no columns question and answer"),
        (b"question,answer\nWhat?,Nothing of that kind.\n", "Line 2 gives the answer"),
        (b"question,answer,document\nWhat?,It rained.,clouds\n", "names the document 'clouds'"),
        (b'{"question": "What?"}\n{"question": 7}\n', "Line 2 needs a question"),
        (
            b'{"question": "What?", "answers": [{"text": "It", "doc": "bells", "start": 0, "end": 2}]}',
            "which it does not",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(content: bytes, said: str) -> None:
    with pytest.raises(EvaluationError, match=said) as refusal:
        read_questions(content, "q", [BELLS])
    assert refusal.value.remedy.startswith("Give a CSV")
