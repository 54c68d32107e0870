"""Records as YAML.

:mod:`.repository` keeps records in the blobs of another repository: :mod:`.files` in files, :mod:`.s3` in objects.
:mod:`.serialization` turns a record into text and back: :mod:`.bounded_loader` limits what untrusted text can cost,
:mod:`.record_dumper` quotes what :mod:`.numbers` would take for a number, and :mod:`.fast_serialization` writes the
records that pipelines write most.
"""
