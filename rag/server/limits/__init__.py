"""What holds requests back: sizes, connections, rates, foreign origins."""
