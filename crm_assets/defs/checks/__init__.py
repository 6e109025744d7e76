"""Data-quality gates: great-expectations suites as asset checks, one module per group of tables."""
