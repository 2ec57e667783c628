"""Facts that notification writes to `notifications`: who was told what kind of thing, never words or addresses."""

from typing import ClassVar

from shared.events.envelope import Fact


class NotificationFact(Fact):
    """What every step of a delivery carries. `recipient` is `reporter` or `body:<id>`; `notice` names the template."""

    topic: ClassVar[str] = "notifications"

    delivery_id: str
    recipient: str
    notice: str
    channel: str


class NotificationSent(NotificationFact):
    """The mail server took responsibility for the notice. Several notices of a body may share one `message_id`.

    Of a notice that an address gets once an hour at most, the others of that hour are told alike. Otherwise a report
    with the address of another person would show whether that person has reported.
    """

    name: ClassVar[str] = "notification.sent"
    version: ClassVar[str] = "1.1"

    message_id: str


class NotificationSuppressed(NotificationFact):
    """This recipient was not told. `reason`: `no_contact`, `erased`, `shut_out` of the case, or `passed_on` with it; or
    the same address has had this notice within the hour (`told_already`).
    """

    name: ClassVar[str] = "notification.suppressed"
    version: ClassVar[str] = "1.3"

    reason: str


class NotificationFailed(NotificationFact):
    """The notice was refused for good (`reason` is a stable code, such as `smtp_550`)."""

    name: ClassVar[str] = "notification.failed"

    reason: str
