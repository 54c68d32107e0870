"""Sessions: live objects, such as connections, that are open while a pipeline is.

:mod:`.session` opens resources in order and closes them in reverse; :mod:`.resource` is one of them, a callable that
returns the live object.
"""
