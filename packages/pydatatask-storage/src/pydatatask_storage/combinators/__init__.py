"""Repositories made of other repositories.

:mod:`.aggregate_or` is the union and :mod:`.aggregate_and` the intersection of its children, on top of
:mod:`.aggregate`; :mod:`.blocking` is one repository without the jobs of another; :mod:`.related` follows a lookup to
the items of another.
"""
