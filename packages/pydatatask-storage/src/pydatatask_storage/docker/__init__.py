"""Images in a Docker registry: a job is a tag.

:mod:`.repository` has the repository; :mod:`.client`, imported when a registry is first used, sends its requests.
"""
