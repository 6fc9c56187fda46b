"""The services' only effects: listeners, certificates, clock and log. Decisions are ``lab.services``' part."""
