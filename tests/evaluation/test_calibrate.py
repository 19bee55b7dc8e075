import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering.assistant import Assistant
from rag.answering.confidence import load_calibration, save_calibration, shipped
from rag.answering.feedback import feedback_record, keep
from rag.core.errors import EvaluationError, InvalidSettings
from rag.core.settings import WITHOUT_MODEL, Settings
from rag.evaluation.cache import cached_index
from rag.evaluation.calibrate import calibrate
from rag.evaluation.datasets import load_dataset
from rag.index.index import Index
from rag.index.storage.manifest import CALIBRATION


@pytest.fixture
def index(small_set: Path, cache: Path, tmp_path: Path) -> Path:
    path, _ = cached_index(load_dataset(small_set), Settings(), cache)
    return Path(shutil.copytree(path, tmp_path / "index"))


def test_the_fit_is_stored_beside_the_index_and_used(small_set: Path, index: Path) -> None:
    report = calibrate(small_set, index, precision=0.8)
    assert report.path == index / CALIBRATION
    assert load_calibration(report.path) == report.calibration
    assert Assistant.open(index).calibration == report.calibration


def test_a_fit_with_one_reader_is_refused_with_another_until_it_is_fitted_again(small_set: Path, index: Path) -> None:
    other = Index.open(index).settings.updated({"reader": WITHOUT_MODEL})
    with_model = calibrate(small_set, index, precision=0.8).calibration
    without = calibrate(small_set, index, precision=0.8, settings=other).calibration
    assert (with_model.reader, without.reader) == ("shipped", WITHOUT_MODEL)
    for fitted, wanted, refused in ((with_model, Settings(), other), (without, other, Settings())):
        save_calibration(fitted, index / CALIBRATION)
        assert Assistant.open(index, wanted).calibration == fitted
        with pytest.raises(InvalidSettings, match=f"rag calibrate DATASET --set reader={refused.reader}"):
            Assistant.open(index, refused)
    for unknown in ("another/model", ""):
        save_calibration(replace(with_model, reader=unknown), index / CALIBRATION)
        with pytest.raises(InvalidSettings, match=f"reader='{unknown}'"):
            Assistant.open(index)


@pytest.mark.parametrize("reader", ["shipped", WITHOUT_MODEL])
def test_the_shipped_confidence_names_its_reader_and_can_be_an_index_s_own(index: Path, reader: str) -> None:
    save_calibration(shipped(reader), index / CALIBRATION)
    settings = Index.open(index).settings.updated({"reader": reader})
    assert Assistant.open(index, settings).calibration == shipped(reader)


def test_questions_with_their_article_taken_out_are_taught_as_unanswerable(small_set: Path, index: Path) -> None:
    report = calibrate(small_set, index, precision=0.8)
    assert (report.questions, report.taken_out) == (24, 20)
    assistant = Assistant.open(index)
    questions = [question for question in load_dataset(small_set).questions if question.answerable]
    texts = [question.text for question in questions]
    here = assistant.trace_many(texts)
    gone = assistant.trace_many(texts, without=[{question.golds[0].document_id} for question in questions])
    assert min(trace.confidence for trace in here) > 0.5 > sum(trace.confidence for trace in gone) / len(gone)


def test_the_table_goes_from_answering_all_to_answering_none(small_set: Path, index: Path) -> None:
    table = calibrate(small_set, index, precision=0.8).table
    assert table[0].threshold == 0.0 and table[0].coverage == 1.0
    assert [point.coverage for point in table] == sorted((point.coverage for point in table), reverse=True)
    assert table[0].precision == pytest.approx(20 / 44, abs=0.1), "20 answerable of 44 asked"


def test_questions_about_other_documents_are_refused(small_set: Path, seeds_index: "object", tmp_path: Path) -> None:
    folder = Path(shutil.copytree(seeds_index.path, tmp_path / "index"))  # type: ignore[attr-defined]
    with pytest.raises(EvaluationError, match="no document has the id 'd0'"):
        calibrate(small_set, folder)


def test_what_readers_said_counts_where_it_is_asked_for(small_set: Path, index: Path) -> None:
    assistant = Assistant.open(index)
    for question in load_dataset(small_set).questions[:6]:
        response = assistant.ask(question.text, min_confidence=0.0, explain=True)
        keep(index, feedback_record(response, 1, "not_an_answer"))
    keep(index, {**feedback_record(response, 1, "right"), "response_id": "r_old", "features": {"unknown": 1.0}})
    # What was judged by more figures came from another reader.
    figures = feedback_record(response, 1, "right")["features"]
    keep(
        index,
        {**feedback_record(response, 1, "right"), "response_id": "r_other", "features": {**figures, "of_another": 1.0}},
    )
    without, counted = (calibrate(small_set, index, precision=0.5, feedback=feedback) for feedback in (False, True))
    assert counted.calibration.questions == without.calibration.questions + 6
    assert counted.calibration.fitted_on.endswith("6 answers judged by readers")
    features = assistant.trace_many([load_dataset(small_set).questions[0].text])[0].extractions[0].features
    assert counted.calibration.probability(features) < without.calibration.probability(features)
