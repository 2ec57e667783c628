"""`python -m services.audit`."""

from services.audit.app import build_app
from services.audit.settings import AuditSettings
from shared.runtime import serve
from shared.settings import load_settings

if __name__ == "__main__":
    serve("audit", load_settings(AuditSettings), build_app)
