"""Drawings of the dependency graph of a pipeline.

:mod:`.picture` turns tasks, repositories and links into boxes and arrows; :mod:`.mermaid` and :mod:`.dot` write these
down as text, and :mod:`.graphviz` has the program ``dot`` draw an image. Others use ``draw`` and ``repositories`` of
:mod:`.picture`, and ``mermaid``, ``dot`` and ``render``.
"""
