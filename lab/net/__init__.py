"""The network: plans become Mininet nodes, routes, filters, hosts and resolvers. It acts, and decides nothing."""
