"""What people and programs write, cleaned of what copying brings along, held to bounds, and read. Pure."""
