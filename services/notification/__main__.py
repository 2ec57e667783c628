"""`python -m services.notification`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.notification.app import build_app
    from services.notification.settings import NotificationSettings
    from shared.runtime import serve
    from shared.settings import load_settings

    serve("notification", load_settings(NotificationSettings), build_app)
