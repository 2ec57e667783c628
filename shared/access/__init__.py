"""Who may do what. To be read in this order.

`principal` and `actions` say who asks, and for what. `conditions` and `table` say who may, and `authorization` decides.
`roster` knows people and programs: what the facts of `entries` say, from `roster_store`. `tokens` are those of people
and programs; `service_tokens`, with `purposes` and `service_keys`, are those of services. `access_log` and
`refusal_log` keep what was seen and what was refused.
"""
