"""Tests of pods: against a stub of an API server always, and against a real cluster where there is one."""
