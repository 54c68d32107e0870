"""The scheduler: what is ready is found by looking around and by following hints, and launched in order of priority.

- :mod:`.listing`: what the repositories contain, each asked at most once a round;
- :mod:`.backlog`: what waits to be launched, and what is next (it decides and does nothing);
- :mod:`.dispatcher`: the workers that launch it, a bounded number for each task;
- :mod:`.troubles`: what failed, how often, and when it is tried again;
- :mod:`.rounds`: the two halves of a round, which is all that ``Pipeline.update`` does;
- :mod:`.hints`, :mod:`.tester`, :mod:`.updater`: what a hint concerns, and acting upon it;
- :mod:`.pacing`: when it is time to look around again;
- :mod:`.running`: a run, which puts all of these together.
"""
