"""`python -m services.notification`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.notification.settings import NotificationSettings
    from shared.settings import load_settings

    # Before all else is loaded, so that a wrong setting is told at once.
    settings = load_settings(NotificationSettings)

    from services.notification.app import build_app
    from shared.runtime import serve

    serve("notification", settings, build_app)
