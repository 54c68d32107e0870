"""The scheduler: what is ready is found in rounds, planned by priority, and dispatched a bounded number at a time.

- :mod:`.listing`: what the repositories contain, each asked at most once a round;
- :mod:`.planning`: which jobs are offered, in which order (a pure function);
- :mod:`.dispatcher`: the workers that launch what was planned;
- :mod:`.troubles`: what failed, how often, and when it is tried again;
- :mod:`.rounds`: the two halves of a round;
- :mod:`.running`: rounds until all is quiet.
"""
