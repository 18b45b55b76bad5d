"""Differences that a listener notices, of each measure of a spoken text: what makes them comparable."""

from __future__ import annotations

# Signed: a step for the better.
NOTICED = {"cer": -0.03, "likeness": 0.05, "naturalness": 0.3, "faulty": -0.2}
ALIKE = 0.5  # of such a step: a smaller difference is none
