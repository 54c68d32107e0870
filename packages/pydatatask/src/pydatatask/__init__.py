"""Data pipelines over any storage and any place to run: all documented names."""
