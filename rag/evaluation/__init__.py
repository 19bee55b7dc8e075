"""Measures the pipeline on questions with known answers: figures with intervals, curves and a report.

Read `datasets` (the questions), `metrics` (the formulas), `observation` (one question after the pipeline), `run` (all
questions), then `reporting` and `calibrate`.
"""
