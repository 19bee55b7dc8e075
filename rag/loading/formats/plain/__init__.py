"""Text as it stands: plain text, source code, subtitles."""
