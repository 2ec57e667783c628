"""The baseline of community responsibilities as data: catalogues of versions, and what differs between them."""
