"""Measures readers on kinds of text that were kept for the fit: prose, near misses, tables, denied facts.

    python -m training.reader.kinds DATA WEIGHTS [WEIGHTS ...]

WEIGHTS are safetensors files of full precision; each is measured as the 8-bit graph that would ship. `shipped` stands
for the shipped graph. Which weights ship is chosen by these figures, never by articles that are only reported on.
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random

from rag.core.runtime import side_by_side
from rag.embedding.weights import SHIPPED_MODEL, model_path
from rag.reading.reader_model import SHIPPED_READER, TOKENIZER, SpanModel
from training.reader.batches import Encoder
from training.reader.denials import FACTS_FOR_MEASURING, negated_fact
from training.reader.examples import Example, in_records, plain
from training.reader.export import write_model
from training.reader.made_columns import KINDS_FOR_MEASURING
from training.reader.measure import gold_paragraphs, held_out_questions
from training.reader.sources import SOURCES, TABLES, fitted_articles, questions
from training.reader.structure import looked_up, made_table

Question = tuple[Example, list[str]]
MAX_QUESTIONS = 400
MEASURED = (
    "train/squad2_train_nearmiss",
    "train/squad2_train_nearmiss_sentences",
    "train/afriqa_en",
    "nq_open_gold",
    *TABLES,
)
MADE = 300
SHIPPED = "shipped"


def main(data: Path, files: list[str]) -> None:
    """Print the figures of each reader, a line for each kind."""
    backbone = model_path(SHIPPED_MODEL)
    assert backbone is not None
    encoder = Encoder(backbone / TOKENIZER)
    kinds = held_out_kinds(data)
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            if file != SHIPPED:
                write_model(Path(file), backbone / TOKENIZER, Path(folder), "int8")
            model = SpanModel(SHIPPED_READER if file == SHIPPED else Path(folder))
            for name, asked in kinds.items():
                figures = gold_paragraphs(partial(side_by_side, model.run), asked, encoder)
                print(json.dumps({"reader": file, "kind": name, **figures}), flush=True)


def held_out_kinds(data: Path) -> dict[str, list[Question]]:
    """Return questions by kind, each with the answers that are right."""
    kinds = {"squad2": held_out_questions(data, articles=fitted_articles(data))}
    for source in SOURCES:
        if source.folder in MEASURED:
            chance = Random(source.folder)
            asked = list(questions(data, source, for_fit=True))
            drawn = chance.sample(asked, min(MAX_QUESTIONS, len(asked)))
            kept = [in_records(one, chance) if source.folder in TABLES else plain(one) for one in drawn]
            kinds[source.folder] = [with_answers(example) for example in kept if example]
    return kinds | made_kinds()


def made_kinds() -> dict[str, list[Question]]:
    """Return questions about tables and facts that are drawn here, of kinds that are not trained on."""
    chance = Random("made kinds")
    tables: list[Question] = []
    while len(tables) < MADE:
        example = looked_up(made_table(chance, chance.choice(KINDS_FOR_MEASURING)), chance)
        tables += [with_answers(example)] if example else []
    denied = [with_answers(negated_fact(chance, FACTS_FOR_MEASURING)) for _ in range(MADE)]
    return {"made tables": tables, "denied facts": denied}


def with_answers(example: Example) -> Question:
    """Return an example with the words that are right."""
    return example, [example.text[start:end] for start, end in example.golds]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
