"""Quotas: limits on the resources that jobs use at the same time.

:mod:`.quantity` parses an amount, :mod:`.resources` adds and compares amounts, and :mod:`.resource_manager` admits or
refuses a reservation. :mod:`.launch_offers` tells the scheduler why a launch was refused, so that it waits until
there is room.
"""
