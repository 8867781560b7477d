"""Everything random is drawn from a seed and a purpose; draws for different purposes never coincide."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are for. A number stays with its purpose for ever, since results depend on it."""

    INITIAL_WEIGHTS = 1
    HOLDOUT = 2
    EPOCH = 3
    POSITIVES = 4
    DROPOUT = 5
    TEST_ROWS = 6
    TRAINING_ROWS = 7
    CORPUS_SAMPLE = 8
    CORPUS_SPLIT = 9
    LABEL_NOISE = 10
    PARTITION = 11
    RETRIEVAL_SPLIT = 12
    PROBE_ROWS = 13
    BOOTSTRAP = 14
    SIGN_FLIPS = 15
    LATENCY_VECTORS = 16
    LATENCY_QUERIES = 17
    CLOSED_FORM = 18
    LABELLED_ROWS = 19
    UNSEEN_CLASSES = 20
    TUNING = 21


def generator(seed: int, purpose: Purpose, *further: int) -> np.random.Generator:
    """A generator for one purpose under one seed, independent of all others (numpy's SeedSequence).

    Args:
        purpose: what the numbers are for; its own spawn key.
        further: what tells draws of one purpose apart, such as the number of an epoch.

    >>> generator(42, Purpose.EPOCH, 1).integers(100) == generator(42, Purpose.EPOCH, 1).integers(100)
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(purpose), *further)))
