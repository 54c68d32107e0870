"""The dependency graph of a pipeline as a picture: what is in it, and how the languages of diagrams write that down."""
