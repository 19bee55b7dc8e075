"""Proofreads the drafts of visitors and clients in the background, and keeps the latest reports."""
