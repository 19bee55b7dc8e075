"""Tells which words of a question in another language than English carry no subject, so that none is called missing.

The lists hold the words that the commonest questions of a language are built of. Search and weights ignore them.
"""

import re
from collections.abc import Sequence

LANGUAGES = tuple(frozenset(words.split()) for words in (
    "als am an auch auf aus bei bin das dass dem den der des die durch ein eine einem einen einer eines er es fur gibt"
    " haben hat hatte ich ihr im in ist kann man mit nach nicht oder seit sich sie sind uber um und vom von vor wann"
    " war warum was welche welchem welchen welcher welches wer werden wessen wie wird wo wohin wurde wurden zu zum zur",
    "a ai au aux avec c ce ces cette comment d dans de des du elle elles en est et etait ete il ils j je l la le les"
    " lequel laquelle leur lui m n ne nous on ont ou par pas pour pourquoi qu quand que quel quelle quelles quels qui"
    " quoi s sa se ses son sont sur t un une vous y",
    "a al como con cual cuales cuando cuanta cuantas cuanto cuantos de del desde donde e el ella ellos en entre era es"
    " esta estan fue fueron ha hay la las le les lo los mas no o para pero por porque que quien quienes se ser si sin"
    " sobre son su sus un una y",
    "a ad agli ai al alla alle c che chi ci come con cosa cui d da dai dal dalla dei del dell della delle di dove e era"
    " gli ha hanno i il in l la le lo ma nel nell nella nelle non o per perche piu qual quale quali quando quanta"
    " quante quanti quanto se si sono stata stato su sua sul sulla suo un una uno",
    "a ao aos as com como da das de do dos e ela ele em entre era essa esse esta este eu foi foram ha mais mas na nas"
    " nao no nos o onde os ou para pela pelo por porque qual quais quando quantas quanto quantos que quem se sem ser"
    " seu seus sua sua sao sobre um uma",
    "aan als bij dan dat de den der des die dit door een en er had heb hebben heeft het hij hoe hoeveel ik in is kan"
    " maar met naar niet of om onder ook op over te tot uit van voor waar waarom wanneer was wat welk welke wie wordt"
    " worden werd werden ze zich zij zijn",
))  # fmt: skip
"""German, French, Spanish, Italian, Portuguese, Dutch; in small letters without accents."""
LANGUAGE_NAMES = ("german", "french", "spanish", "italian", "portuguese", "dutch")
"""Their names, as stemmers have them."""
MIN_FOREIGN_WORDS = 2
MIN_FOREIGN_SHARE = 0.15
"""Share of the words of a text that its language's list has. It is .3 to .5 for prose and about .2 for manuals."""


UNSPACED = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
STOPWORDS = frozenset(
    (
        "a about after all also an and any are as at be been before being but by called can could did do does during"
        " for from had has have he her his how i if in into is it its itself kind many may me might more most much my"
        " name no not of on or our out s said say she should so some such t tell than that the their them then there"
        " these they this those through to type under up us was we were what when where which while who whom whose"
        " why will with would you your"
    ).split()
)
"""English words that carry no subject; searched only if a query has no others, and by other stemmers."""


QUALIFIERS = frozenset(
    (
        "above according across ago against along already although always among amount anyone anything around"
        " available away because behind below beside besides between beyond both cannot certain close concerning"
        " consist current currently day days deep describe despite different difference doing done down each either"
        " enough ever every exact exactly exist explain far fast find following found generally get give given go"
        " going got happen happens happened hard heavy here high however instead just keep kinds know large last"
        " late later least less let list long look low main make makes making mean means meant mention mentioned"
        " need needed neither never next nobody nor often once one only onto other otherwise own part per perhaps"
        " please point purpose quite rather reason really regarding same several shall since single small soon"
        " specific still sort take taken tall tell thing things though throughout times today together too toward"
        " towards true twice until upon use used using usually various versus very via want way ways well whatever"
        " whenever whether wide within without yes yet"
    ).split()
)
"""English words that qualify a subject and name none; none of them is called missing."""


def foreign_language(words: Sequence[str]) -> str:
    """Return the name of the language of a text by its words, given as `foreign_stopwords` takes them.

    It is empty for English, for a language without a list, and if the words do not tell.

    >>> foreign_language("wie hoch ist der turm".split()), foreign_language("how high is the tower".split())
    ('german', '')
    """
    counts = [sum(word in language for word in words) for language in LANGUAGES]
    most = max(counts)
    is_clear = most >= MIN_FOREIGN_WORDS and counts.count(most) == 1 and most >= MIN_FOREIGN_SHARE * len(words)
    return LANGUAGE_NAMES[counts.index(most)] if is_clear and most > sum(word in STOPWORDS for word in words) else ""


def foreign_stopwords(words: Sequence[str]) -> frozenset[str]:
    """Return those of a question's words, in small letters without accents, that only hold it together in its language.

    The language is the one with most of the words, at least two; if two have as many, both count. None if the
    question has a word that only English has: `war` and `die` are subjects there.

    >>> sorted(foreign_stopwords(["quelle", "est", "la", "hauteur", "de", "la", "tour"]))
    ['de', 'est', 'la', 'quelle']
    >>> foreign_stopwords(["did", "he", "die", "in", "the", "war"])
    frozenset()
    """
    distinct_words = frozenset(words)
    shared = [distinct_words & language for language in LANGUAGES]
    most = max(map(len, shared))
    if most < MIN_FOREIGN_WORDS:
        return frozenset()
    foreign = frozenset[str]().union(*(some for some in shared if len(some) == most))
    return frozenset() if distinct_words & STOPWORDS - foreign else foreign
