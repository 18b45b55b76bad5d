"""What a training reads of clips: audio codes and conditioning, computed once and cached."""
