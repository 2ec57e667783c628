"""What each event makes of a case. Pure: the facts say all of it, and nothing is judged here.

Each chapter of facts has a module beside this one, with a table CHANGES: by the type of a fact, what it changes of a
case.
"""
