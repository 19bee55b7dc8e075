"""Figures, dates and names of a draft against the seed articles: shown, refuted, or not found."""

from typing import TYPE_CHECKING

import pytest

from rag import Assistant, proofread
from rag.answering.values.quantities import quantities
from rag.proofreading.claims import claims_of
from rag.proofreading.quantity_check import check_quantity, stated_figures

if TYPE_CHECKING:
    from rag.index.index import Index

RIGHT = (
    "In 2012 Azerbaijan signed an arms deal with Israel worth $1.6 billion.",
    "About 35 percent of Iranians are of Azeri origin, according to Arye Gut.",
    "In 2017 Azerbaijan became the second biggest arms customer of Israel after India.",
    "Azerbaijan produces 300 million barrels of gas a year.",
    "Israel buys 40 percent of its oil from Azerbaijan.",
    "Officials said on March 29, 2012 that Israel was granted access to airbases in Azerbaijan.",
)
WRONG = (
    ("In 2012 Azerbaijan signed an arms deal with Israel worth $2.6 billion.", "$2.6 billion", "$1.6 billion"),
    ("In 2012 Azerbaijan signed an arms deal with Israel worth 1.6 billion euros.", "1.6 billion euros",
     "$1.6 billion"),
    ("In 2013 Azerbaijan signed an arms deal with Israel worth $1.6 billion.", "2013", "2012"),
    ("About 53 percent of Iranians are of Azeri origin.", "53 percent", "35 percent"),
    ("In 2019 Azerbaijan became the second biggest arms customer of Israel after India.", "2019", "2017"),
    ("Azerbaijan produces 800 million barrels of gas a year.", "800 million barrels", "300 million barrels"),
    ("Israel buys 14 percent of its oil from Azerbaijan.", "14 percent", "40 percent"),
    ("Officials said on March 19, 2012 that Israel was granted access to airbases in Azerbaijan.", "March 19, 2012",
     "March 29, 2012"),
)  # fmt: skip
UNSUPPORTED = (
    "The Azerbaijani army has 66,000 soldiers.",
    "Armenia opened its embassy in Tel Aviv on 12 May 2020.",
    "Israel exported 12,000 tonnes of tomatoes to Baku.",
)


@pytest.fixture(scope="module")
def assistant(seeds_index: "Index") -> Assistant:
    return Assistant(seeds_index)


def test_right_figures_and_dates_are_supported_by_a_citation(assistant: Assistant) -> None:
    findings = proofread(assistant, "\n\n".join(RIGHT)).findings
    values = [finding for finding in findings if finding.kind != "name"]
    assert not [finding.text for finding in findings if finding.is_wrong]
    assert len(values) == 7 and {finding.status for finding in values} == {"supported"}


def test_wrong_figures_units_and_dates_are_contradicted_side_by_side(assistant: Assistant) -> None:
    draft = "\n\n".join(sentence for sentence, _, _ in WRONG)
    wrong = proofread(assistant, draft).wrong
    marked = [
        (draft[finding.differing[0][0] : finding.differing[0][1]], finding.sources[0].citation.quote[start:end])
        for finding in wrong
        for start, end in finding.sources[0].differing
    ]
    assert marked == [(text, source) for _, text, source in WRONG]


def test_unsupported_claims_are_neither_supported_nor_contradicted(assistant: Assistant) -> None:
    findings = proofread(assistant, "\n\n".join(UNSUPPORTED)).findings
    assert {finding.status for finding in findings if finding.kind != "name"} == {"not_found"}


def test_a_figure_inside_a_quotation_is_left_to_the_quotation(assistant: Assistant) -> None:
    findings = proofread(assistant, "They wrote “Israel buys 14 percent of its oil from Azerbaijan” in May.").findings
    assert [finding.kind for finding in findings] == ["quotation"]


def test_names_dates_and_figures_of_a_sentence_are_its_claims() -> None:
    sentence = "On Monday the Bank of England said Mr Brown paid $5m in March 2012, the third time."
    found = [(claim.kind, sentence[claim.start : claim.end].strip()) for claim in claims_of(sentence)]
    assert found == [("name", "Bank of England"), ("name", "Brown"), ("figure", "$5m"), ("date", "March 2012")]


@pytest.mark.parametrize(
    ("draft", "source", "verdict"),
    [
        ("It cost $5 million.", "It cost $5m.", "shows"),
        ("It cost $5 million.", "It cost $6m.", "refutes"),
        ("It cost £5 million.", "It cost $5m.", "refutes"),
        ("It cost $5 a month.", "It cost $5 a year.", "refutes"),
        ("It took six weeks.", "It took up to six months.", "refutes"),
        ("It cost $5 million.", "It cost $5.2m.", "shows"),
        ("It cost $5.2 million.", "It cost $5m.", "refutes"),
        ("It cost about $52 million.", "It cost $51m.", "shows"),
        ("It began in March 2012.", "It began in 2012.", "allows"),
        ("It began in 2012.", "It began in March 2012.", "shows"),
        ("It began in March 2013.", "It began in March 2012.", "refutes"),
        ("It sold 5 ships.", "It sold 6 planes.", "other"),
    ],
)
def test_a_figure_of_a_source_shows_allows_or_refutes_one_of_a_draft(draft: str, source: str, verdict: str) -> None:
    (own,), (other,) = quantities(draft), quantities(source)
    assert check_quantity(own, draft, other, source) == verdict


def test_the_first_half_of_a_year_is_no_share() -> None:
    assert stated_figures("the first half of 2005") == quantities("the first half of 2005")[1:]
    assert len(stated_figures("half of the people")) == 1
