"""`python -m services.triage`."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.triage.app import build_app
    from services.triage.settings import TriageSettings
    from shared.runtime import serve
    from shared.settings import load_settings

    serve("triage", load_settings(TriageSettings), build_app)
