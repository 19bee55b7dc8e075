"""Turns what was read into verified answers: sentences, confidence, agreement, citations; the Assistant."""
