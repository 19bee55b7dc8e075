"""Words that are compared, and the fit of a quotation in a source."""

from rag.proofreading.comparing.alignment import fit_quotation
from rag.proofreading.comparing.spelling import same_but_for
from rag.proofreading.comparing.words import GAP, without_link_targets, words


def forms(text: str, quoted: bool = False) -> list[str]:
    return [word.form for word in words(text, quoted=quoted)]


def test_every_word_stands_at_its_place() -> None:
    text = "A well-known fact – it’s $1,000.50 (−5 %), 2012–13."
    assert [text[word.start : word.end] for word in words(text)] == [
        "A", "well", "known", "fact", "it’s", "$", "1,000.50", "−5", "%", "2012", "13",
    ]  # fmt: skip


def test_dashes_marks_case_and_soft_hyphens_change_no_word() -> None:
    assert forms("The “war” — it’s\n over-stated") == forms("the 'war' - it's OVER stat\u00aded")


def test_a_sign_before_a_figure_changes_it() -> None:
    assert forms("minus -5") != forms("minus 5")


def test_what_a_writer_puts_in_or_leaves_out_is_a_gap() -> None:
    assert forms("[T]he firm […] paid [the bank] ... it", quoted=True) == ["the", "firm", GAP, "paid", GAP, GAP, "it"]


def test_the_address_of_a_link_is_no_word_and_moves_none() -> None:
    text = "See [the report](https://example.org/a_(b)) now"
    assert forms(without_link_targets(text)) == ["see", "the", "report", "now"]
    assert len(without_link_targets(text)) == len(text)


def test_a_quotation_that_stands_word_for_word_fits_without_a_change() -> None:
    fit = fit_quotation(["fell", "by", "5"], ["sales", "fell", "by", "5", "percent"])
    assert (fit.start, fit.end, fit.changed, fit.differences()) == (1, 4, 0, [])


def test_replaced_removed_and_added_words_are_told() -> None:
    fit = fit_quotation("the firm paid two million".split(), "so the big firm paid three million".split())
    assert fit.changed == 2
    assert fit.differences() == [(range(1, 1), range(2, 3)), (range(3, 4), range(5, 6))]
    shorter = fit_quotation("it never paid taxes".split(), "it paid taxes".split())
    assert shorter.differences() == [(range(1, 2), range(1, 1))]


def test_the_last_word_that_differs_is_replaced() -> None:
    fit = fit_quotation("it fell by five".split(), "it fell by four percent".split())
    assert fit.differences() == [(range(3, 4), range(3, 4))]


def test_a_gap_fits_any_words_and_the_nearest_fit_wins() -> None:
    source = "we will pay the whole bill today and pay the rest".split()
    fit = fit_quotation(["we", GAP, "pay", "the"], source)
    assert (fit.changed, fit.gaps(), fit.end) == (0, [range(1, 2)], 4)


def test_ways_of_writing_are_named_one_by_one() -> None:
    assert same_but_for("a b", "a b") == ()
    assert same_but_for("it is so,", "it is so.") == ()
    assert same_but_for("a b", "a\n b") == ("white space",)
    assert same_but_for("a – b", "a—b") == ("dashes",)
    assert same_but_for("an ‘x’", 'an "x"') == ("quotation marks",)
    assert same_but_for("The US", "the US") == ("capital letters",)
    assert same_but_for("a, b", "a b") == ("punctuation",)
    assert same_but_for("*a* b", "a b") == ("markup",)
