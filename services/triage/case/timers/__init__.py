"""What happens to a case when a time comes, whether or not anybody does something. Pure.

Each chapter has a module beside this one, with its TIMERS. Triage alone looks at them, and a fact tells what came.
"""
