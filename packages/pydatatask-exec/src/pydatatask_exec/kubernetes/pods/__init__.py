"""What the JSON of a pod means, apart from any cluster: pure functions and values.

:mod:`.state` turns a pod's JSON into the little that tasks need to know of it. It reads the :mod:`.containers`, the
:mod:`.resource_requests`, the :mod:`.conditions` that say why a pod waits or ended, and the :mod:`.names` and labels by
which a pod belongs to a job. Others use ``PodState``, ``PodIdentity`` and these functions.
"""
