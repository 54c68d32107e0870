"""Tasks: units of work that are linked to repositories and run one job at a time.

:mod:`.task` has the contract of a task. A :mod:`link <.links>` says what a repository is to its task: input, output,
status, and whether it is required or inhibits a start. :mod:`.plug_plan` computes the links of a task that is plugged
into another, and :mod:`.dependencies` the graph of tasks and repositories that follows from all links.
"""
