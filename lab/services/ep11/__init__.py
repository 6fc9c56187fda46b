"""GREP11, the second API of an instance: keys that clients hold, used where their master key is."""
