"""A move to Citus, tried (python -m benchmarks.citus)."""
