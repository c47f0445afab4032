"""How long a test waits: SLOWNESS=4 in the environment makes all that four times as long, for a program with sanitizers."""

import os

SLOWNESS = float(os.environ.get("SLOWNESS", 1))


def patient(seconds):
    return seconds * SLOWNESS
