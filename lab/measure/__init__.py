"""Measuring: probes, drops, evidence and captures. It looks, and changes nothing but by asking."""
