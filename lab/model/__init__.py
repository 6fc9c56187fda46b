"""The model: worlds, calls, actions, outcomes and rules, as frozen values. Pure."""
