"""The workloads, a module each, with a function `workloads()` that returns them."""
