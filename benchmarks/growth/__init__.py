"""What grows, and when it breaks (python -m benchmarks.growth)."""
