"""What all tests share: results that do not depend on the machine's other work."""

import os

from hypothesis import settings

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

# Each worker has a core. With more threads the order in which TensorFlow adds up, and with it the last digits
# of a training, depends on which of them is ready first.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
