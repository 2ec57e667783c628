"""What intake needs to know beside what every service does."""

from pydantic import Field

from shared.settings import Key, Settings


class IntakeSettings(Settings):
    """Settings of intake."""

    port: int = Field(8001, ge=0, le=65535, description="Port intake listens on.")
    master_key: Key = Field(description="Secret that wraps the keys of the vault; 32 bytes in base64. Keep a copy.")
    receipt_pepper: Key = Field(description="Secret behind receipts and idempotency keys; 32 bytes in base64.")
    pseudonym_key: Key = Field(description="Secret behind the pseudonyms of people; 32 bytes in base64.")
    commit_queue: int = Field(2000, ge=1, description="Most reports waiting to be written, before 503 is answered.")
