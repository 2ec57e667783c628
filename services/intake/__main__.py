"""`python -m services.intake`."""

from services.start import start

if __name__ == "__main__":
    start("intake")
