"""The vault: it seals what reporters tell, and lets services read it with a purpose."""
