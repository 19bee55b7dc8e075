"""Judges the pipeline: questions with known answers to measures, intervals, curves and a report.

Reading order: `datasets` (what is asked), `squad spans ranking abstention bootstrap` (the formulas), `observation`
(what the pipeline did with one question), `measures` (observations to figures), `run` (all of it), then
`terminal report plots compare calibrate commands`.
"""
