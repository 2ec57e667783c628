"""`python -m services.triage`."""

from services.start import start

if __name__ == "__main__":
    start("triage")
