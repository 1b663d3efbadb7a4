"""The Liquid Attention Network layer under the name its users know."""

from models.compiling import uncompiled
from models.lan import LAN

__all__ = ["LAN", "uncompiled"]
