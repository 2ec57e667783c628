"""`python -m services.triage`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.triage.settings import TriageSettings
    from shared.settings import load_settings

    # Before all else is loaded, so that a wrong setting is told at once.
    settings = load_settings(TriageSettings)

    from services.triage.app import build_app
    from shared.runtime import serve

    serve("triage", settings, build_app)
