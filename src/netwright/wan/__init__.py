"""Wide-area network design: topologies, demands, tunnels, failures, and the scenarios that design over them."""
