"""The emulated services: in each, state, rules and operations. Pure; ``lab.serve`` carries requests to them."""
