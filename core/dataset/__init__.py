"""Datasets: which clips can be used, how they are split, and frozen folders in LJSpeech form."""
