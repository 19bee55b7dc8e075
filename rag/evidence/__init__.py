"""Packs answers with their proof into one file that anybody can check without Pincite."""
