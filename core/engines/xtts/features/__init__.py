"""Features of clips that training reads: audio codes and conditioning mels, computed once and cached."""
