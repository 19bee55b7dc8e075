"""Reads and draws files in processes of their own, within limits of time and memory."""
