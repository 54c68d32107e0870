"""The repositories of pydatatask: files, YAML, memory, S3, MongoDB, Docker registries and combinators."""
