"""What the clients of servers share.

The S3, MongoDB and Docker repositories use it: :mod:`.missing_extras` says which extra to install where a client's
library is missing, :mod:`.redaction` keeps credentials out of messages, and :mod:`.concurrent_membership` looks for
many jobs at the same time.
"""
