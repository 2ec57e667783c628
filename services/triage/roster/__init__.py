"""The roster, which says who may do what: kept, changed and shown."""
