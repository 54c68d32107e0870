"""The API server: requests, and a cache of pods kept in sync by a list and a watch.

:mod:`.config` finds the cluster, :mod:`.client` sends requests within a :mod:`rate limit <.rate_limit>`, :mod:`.api`
has the requests about pods, :mod:`.watch` keeps the :mod:`.cache` in sync, :mod:`.models` makes the client library's
objects of cached pods, and :mod:`.errors` translates what the server answers. :mod:`.clock` tells
the server's time.
"""
