"""How one service calls another over HTTP: signed for one purpose, and with an outage told as one."""
