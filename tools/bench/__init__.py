"""Measure what the software costs, as ratios to the bare minimum within one run.

A workload is a module of `tools.bench.workloads` with a function `workloads()`; see `tools.bench.workload`.
"""
