"""Quotas: limits on the resources that jobs use at the same time.

:mod:`.quantity` parses an amount, :mod:`.resources` adds and compares amounts, and :mod:`.resource_manager` grants a
:mod:`.reservation` or refuses it. It asks the tasks what their live jobs use through a :mod:`.usage_source`.
:mod:`.launch_offers` tells the scheduler why a launch was refused, so that it waits until there is room.
"""
