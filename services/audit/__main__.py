"""`python -m services.audit`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.audit.app import build_app
    from services.audit.settings import AuditSettings
    from shared.runtime import serve
    from shared.settings import load_settings

    serve("audit", load_settings(AuditSettings), build_app)
