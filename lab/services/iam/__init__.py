"""Identity and access management: API keys in, tokens out. Pure; the listeners are lab.serve's."""
