"""Key management: instances, keys, wrapping, and the network access policy. Pure; the listeners are lab.serve's."""
