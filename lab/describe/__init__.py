"""Descriptions: topologies (which world), scenarios (which steps), plans (which kernel objects). All pure values."""
