"""Records as documents of a MongoDB collection.

:mod:`.repository` has the repository, :mod:`.protocols` what it asks of a client's collection, :mod:`.records` what a
document may hold, and :mod:`.errors` translates what the client raises.
"""
