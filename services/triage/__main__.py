"""`python -m services.triage`."""

from services.triage.app import build_app
from services.triage.settings import TriageSettings
from shared.runtime import serve
from shared.settings import load_settings

if __name__ == "__main__":
    serve("triage", load_settings(TriageSettings), build_app)
