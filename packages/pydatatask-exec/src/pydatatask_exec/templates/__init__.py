"""Jinja2 templates, from which a task makes a job's script or manifest.

:mod:`.source` finds the text, :mod:`.compiling` compiles it and learns which names it uses, :mod:`.environment` looks
these names up for a job, and :mod:`.template` renders the text, with the quoting :mod:`.filters`. Others use
:class:`~.template.Template`.
"""
