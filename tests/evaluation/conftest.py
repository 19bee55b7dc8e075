"""A small data set of made texts: one article, one question and the sentence that answers it, in brackets."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ARTICLES = """
# Lighthouse of Varn
The tower stands on a reef north of the harbour.
[Its lamp was first lit in the autumn of 1871 by the keeper Ole Brandt.]
Ships from the south see it at night.
? Who lit the lamp of the lighthouse for the first time?

# Orchard pears
Growers in the valley plant three kinds of pear.
[The yellow Amberline ripens last and keeps in a cellar until March.]
Bees from the hill visit the blossom.
? Which pear keeps in the cellar until March?

# Night train
The sleeper leaves the capital at ten in the evening.
[Passengers change engines at Koldau because the mountain line has no electric wire.]
Breakfast is served after the border.
? Why do passengers change engines at Koldau?

# Glass workshop
Six people work at the furnace.
[Cobalt oxide gives the bowls their deep blue colour.]
Visitors may watch on Fridays.
? What gives the glass bowls their blue colour?

# Chess club
The club meets above the bakery.
[Marta Ilves won the spring tournament without losing a single game.]
Beginners are welcome on Tuesdays.
? Who won the spring chess tournament?

# Salt road
Carts once crossed the heath to the coast.
[The toll was paid in salt, one sack for every twelve carried.]
Today hikers follow the old stones.
? How was the toll on the road paid?

# Bridge repair
The iron bridge was closed in winter.
[Engineers replaced four hundred rivets that frost had cracked.]
Traffic went round by the mill.
? How many rivets did engineers replace on the bridge?

# Owl count
Volunteers listen for owls each spring.
[They heard eleven pairs of tawny owls in the oak forest this year.]
Rain ended the last night early.
? How many pairs of tawny owls were heard?

# Town library
The reading room has tall windows.
[A retired teacher left her four thousand books to it in her will.]
The catalogue is being typed again.
? Who left four thousand books to the library?

# River ferry
A flat boat carries cars over the water.
[The ferry stops running when the wind is stronger than seventy kilometres an hour.]
The crossing takes nine minutes.
? When does the ferry stop running?

# Cheese cellar
Wheels of cheese lie on spruce boards.
[They are turned and brushed with brine every second day.]
After a year they are sold at the market.
? How often are the cheese wheels brushed with brine?

# Solar school
Panels cover the roof of the gymnasium.
[The pupils sell the surplus current and pay for their ski week with it.]
A screen in the hall shows the yield.
? What do the pupils pay for with the surplus current?

# Old theatre
The curtain dates from before the fire.
[Restorers found a painted sky under five layers of whitewash.]
Seats were taken from a cinema.
? What did restorers find under the whitewash?

# Marathon
Nine hundred runners started in the fog.
[Tomas Reek lost his left shoe after thirty kilometres and still finished third.]
Soup was served at the end.
? Which runner lost a shoe and finished third?

# Clock maker
Her shop smells of oil.
[She cut the wheels of the town hall clock from a ship's bronze propeller.]
Repairs take about a month.
? What were the wheels of the town hall clock cut from?

# Desert garden
No rain fell for two years.
[Date palms survive there because their roots reach water thirty metres down.]
Goats keep the weeds short.
? Why do date palms survive in the desert garden?

# Radio station
The studio is a former bus.
[Its signal reaches the islands only when fog lies on the sea.]
Listeners send postcards.
? When does the radio signal reach the islands?

# Tea house
Guests sit on straw mats.
[The owner buys the leaves from a monastery that picks them at dawn.]
Cakes are made of chestnut flour.
? Where does the owner of the tea house buy the leaves?

# Ice rink
The rink opens in November.
[Heat from the cooling machines warms the swimming pool next door.]
Skates can be rented.
? What warms the swimming pool next door to the rink?

# Map archive
Drawers hold maps of the coast.
[The oldest one was drawn on calfskin by a blind pilot's daughter.]
Copies are sold in the shop.
? Who drew the oldest map in the archive?
"""
"""Title, three sentences of which the one in brackets answers, and the question."""

NEAR_MISSES = (
    (0, "How tall is the lighthouse tower?"),
    (4, "What prize did the chess champion receive?"),
    (8, "In which year was the library built?"),
    (13, "What was the winning time of the marathon?"),
)
FOREIGN = (
    "Which enzyme copies the genome of a retrovirus?",
    "How is the gradient of a loss function computed?",
    "What interest rate did the central bank announce?",
    "Which court ruled on the patent dispute?",
    "How do vaccines train memory cells?",
    "What is the boiling point of nitrogen?",
    "Who composed the opera about the moon landing?",
    "Which planet has the fastest winds?",
)


def jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    corpus, queries, answers = [], [], []
    for number, article in enumerate(ARTICLES.strip().split("\n\n")):
        title, *sentences, question = article.split("\n")
        gold = sentences[1].strip("[]")
        text = " ".join([sentences[0], gold, sentences[2]]) + "\n\n"
        start = len(sentences[0]) + 1
        corpus.append({"_id": f"d{number}", "title": title[2:], "text": text})
        queries.append({"_id": f"q{number}", "text": question[2:]})
        span = {"text": gold, "start": start, "end": start + len(gold)}
        answers.append({"query_id": f"q{number}", "doc_id": f"d{number}", "answers": [span], "is_impossible": False})
    for number, (place, unanswered) in enumerate(NEAR_MISSES):
        queries.append({"_id": f"n{number}", "text": unanswered})
        answers.append({"query_id": f"n{number}", "doc_id": f"d{place}", "answers": [], "is_impossible": True})
    jsonl(folder / "corpus.jsonl", corpus)
    jsonl(folder / "queries.jsonl", queries)
    jsonl(folder / "answers.jsonl", answers)
    return folder


@pytest.fixture(scope="session")
def other_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    jsonl(folder / "queries.jsonl", [{"_id": f"f{number}", "text": text} for number, text in enumerate(FOREIGN)])
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")
