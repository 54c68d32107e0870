"""The meaning of a pod's JSON, apart from any cluster: pure functions and values.

:mod:`.state` turns a pod's JSON into the few facts that tasks need. It reads :mod:`.fields` of the JSON: the
:mod:`.containers`, the :mod:`.resource_requests`, the :mod:`.conditions` that say why a pod waits or failed, and the
:mod:`.labels` and annotations that say which job it belongs to. :mod:`.names` makes the names of pods. Others use
``PodState``, ``PodIdentity`` and these functions.
"""
