"""Features of clips that training reads: mels, computed once and cached, and token ids."""
