"""The lane's geometry: centre line, racing line and the speed that each point of it allows."""

from dataclasses import dataclass

import numpy as np

