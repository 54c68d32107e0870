"""Requests to a Docker registry, on top of ``docker_registry_client_async``.

:mod:`.tags` lists tags with :mod:`.paging` and looks them up; :mod:`.deletion` deletes them, with a
:mod:`.placeholder` where a registry deletes by digest only. :mod:`.requests` renews tokens around the
:mod:`.registry_client`, and :mod:`.credentials` reads the Docker configuration file. :mod:`.image_names` builds names;
:mod:`.errors` and :mod:`.unauthorized` translate failures. The library is heavy, so this folder is imported when a
registry is first used.
"""
