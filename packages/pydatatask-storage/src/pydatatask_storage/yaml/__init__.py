"""Records as YAML.

:mod:`.metadata` keeps records in the blobs of another repository: :mod:`.files` in files, :mod:`.s3` in objects.
:mod:`.codec` turns a record into text and back, within the :mod:`.limits` on untrusted input; :mod:`.fast_dump`
writes the records that pipelines write most.
"""
