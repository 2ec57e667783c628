"""`python -m services.audit`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.audit.settings import AuditSettings
    from shared.settings import load_settings

    # Before all else is loaded, so that a wrong setting is told at once.
    settings = load_settings(AuditSettings)

    from services.audit.app import build_app
    from shared.runtime import serve

    serve("audit", settings, build_app)
