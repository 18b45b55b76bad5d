"""Text normalization: numbers, amounts, dates, signs and abbreviations in words, by language."""
