"""The scanner: pages of strangers, fetched with care; the only place that goes out on the network."""
