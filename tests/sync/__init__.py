"""Tests of the mirror on a drive."""
