"""A lab as a process tree: the client's side, the nursery, and the lab's own processes. No rule of the product is here."""
