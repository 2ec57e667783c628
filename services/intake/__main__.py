"""`python -m services.intake`: run the service."""

from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.runtime import serve
from shared.settings import load_settings

if __name__ == "__main__":
    serve("intake", load_settings(IntakeSettings), build_app)
