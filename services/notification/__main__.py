"""`python -m services.notification`."""

from services.start import start

if __name__ == "__main__":
    start("notification")
