"""`python -m services.audit`."""

from services.start import start

if __name__ == "__main__":
    start("audit")
