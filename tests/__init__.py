"""The tests: a folder for each wing of rag/, and journeys for questions that cross several wings."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The root of the checkout."""
