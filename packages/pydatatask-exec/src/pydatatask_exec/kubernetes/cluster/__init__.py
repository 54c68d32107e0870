"""The API server: requests, and a cache of pods kept in sync by a list and a watch.

:mod:`.config` finds the cluster, perhaps by a :mod:`.kubeconfig`, :mod:`.client` sends requests within a
:mod:`rate limit <.rate_limit>`, and again after some failures, which :mod:`.retries` decides, :mod:`.api` has the
requests about pods, :mod:`.watch` keeps the :mod:`.cache` in sync, :mod:`.models` makes the client library's objects of
cached pods, :mod:`.errors` translates what the server answers, and :mod:`.clock` tells the server's time.
"""
