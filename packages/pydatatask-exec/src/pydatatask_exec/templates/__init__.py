"""Jinja2 templates, from which a task makes a job's script or manifest.

:mod:`.source` finds the text, :mod:`.compiling` compiles it and learns which names it uses, :mod:`.template` renders
it for a job, with the quoting :mod:`.filters`.
"""
