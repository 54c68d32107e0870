"""What a developer runs: checks, benchmarks, starters of services."""
