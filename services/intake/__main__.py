"""`python -m services.intake`: run the service."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.intake.settings import IntakeSettings
    from shared.settings import load_settings

    # Before all else is loaded, so that a wrong setting is told at once.
    settings = load_settings(IntakeSettings)

    from services.intake.app import build_app
    from shared.runtime import serve

    serve("intake", settings, build_app)
