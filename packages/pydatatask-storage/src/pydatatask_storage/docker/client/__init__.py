"""Requests to a Docker registry, on top of ``docker_registry_client_async``.

:mod:`.tags` lists, looks up and deletes tags; where a registry deletes by digest only, it needs a :mod:`.placeholder`.
:mod:`.credentials` reads the Docker configuration file, :mod:`.image_names` builds names, and :mod:`.errors` and
:mod:`.unauthorized` translate failures. The library is heavy, so this folder is imported when a registry is first used.
"""
