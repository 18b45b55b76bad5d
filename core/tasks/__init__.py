"""What a worker runs: each module has ``run(job, arguments, reporter) -> dict`` and may import anything."""
