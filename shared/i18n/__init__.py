"""Messages and wording in the languages of readers."""
