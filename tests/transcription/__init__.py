"""Tests of transcription: registry, recognizers, downloads, the job."""
