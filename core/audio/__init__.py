"""Sound: decoding, levels, cutting, loudness."""
