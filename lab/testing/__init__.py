"""What a test has of a lab: assertions judged like steps, hosts, pyroute2's words, and its life in a session."""
