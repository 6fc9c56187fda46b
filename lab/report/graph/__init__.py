"""Pictures of a world: its accounts, hosts, edges, doors and instances, and the way of one call through them."""
