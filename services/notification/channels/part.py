"""The channels as a part of notification."""

from collections.abc import Mapping

from services.notification.channels.channel import Channel
from shared.parts import Part


def build(channels: Mapping[str, Channel]) -> Part:
    """Closes every channel at the end. They stand behind the sender, which stops first."""
    return Part(stops=[channel.close for channel in channels.values()])
