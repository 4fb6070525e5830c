"""What survives: each fault, on a PostgreSQL of its own, while people write.  See `python -m benchmarks.faults -h`."""
