"""HTTP/1.1 on uvloop transports and llhttp: the server, the client, the hardening. No LLM inside."""
