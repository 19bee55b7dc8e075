"""Cuts a document into blocks, sentences, masks and passages; all of them are slices of its text."""
