"""Benchmarks: everything side by side in one run, one process per contestant, CPU time first. See README.md."""
