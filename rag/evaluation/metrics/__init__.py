"""Measures of ranking, answers, abstention and spans, each from lists of figures."""
