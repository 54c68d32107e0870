"""The verbs of `tools/dev`, one module each, with a function `main(arguments)` that returns the exit status."""
