"""Who is told what: the table of routes, and the plan of deliveries. Pure."""
