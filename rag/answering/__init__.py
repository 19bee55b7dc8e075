"""Turns readings into verified answers: sentences, confidence, agreement, citations; the Assistant."""
