"""HTML of answers: cards, quotations, refusals, explanations, citations."""
