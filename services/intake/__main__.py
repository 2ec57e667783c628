"""`python -m services.intake`: run the service."""

import gc

if __name__ == "__main__":
    # What is being loaded stays, so the collector would find nothing; it begins in `serve`.
    gc.disable()

    from services.intake.app import build_app
    from services.intake.settings import IntakeSettings
    from shared.runtime import serve
    from shared.settings import load_settings

    serve("intake", load_settings(IntakeSettings), build_app)
