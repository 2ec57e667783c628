"""The ways a notice can go out, as a table: a new channel is a module here and a row in CHANNELS."""

from collections.abc import Callable, Mapping

from services.notification.channels.channel import Channel
from services.notification.channels.email import EmailChannel
from services.notification.settings import NotificationSettings

CHANNELS: Mapping[str, Callable[[NotificationSettings], Channel]] = {"email": EmailChannel.of}
"""Channel by the name that routing.toml uses; building one opens no connection."""
