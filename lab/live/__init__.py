"""A lab as a process tree: client, nursery, init, network. It knows processes, and no rule of the product."""
