"""Subtitles and transcripts as words with times."""
