"""`python -m services.notification`."""

from services.notification.app import build_app
from services.notification.settings import NotificationSettings
from shared.runtime import serve
from shared.settings import load_settings

if __name__ == "__main__":
    serve("notification", load_settings(NotificationSettings), build_app)
