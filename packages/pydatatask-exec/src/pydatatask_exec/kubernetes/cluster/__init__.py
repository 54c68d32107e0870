"""The API server: requests, and a cache of pods kept in sync by a list and a watch.

:mod:`.config` finds the cluster, :mod:`.client` sends requests at a bounded :mod:`rate <.rate_limit>`, :mod:`.api`
has the requests about pods, :mod:`.watch` feeds the :mod:`.cache`, :mod:`.models` makes the client library's objects
of cached pods, and :mod:`.errors` translates what the server answers.
"""
