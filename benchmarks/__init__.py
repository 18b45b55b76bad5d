"""Measurements that are no tests: each writes its figures to benchmarks/results."""
