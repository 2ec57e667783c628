"""Small servers that answer as other people's programs do, over real HTTP."""
