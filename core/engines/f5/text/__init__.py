"""Texts as F5-TTS reads them: vocabulary, replaced letters, conversion to tokens."""
