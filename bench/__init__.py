"""What a proxied request costs, side by side: Tollway, nginx, Envoy and LiteLLM in front of the same provider."""
