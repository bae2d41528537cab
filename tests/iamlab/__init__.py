"""IAM's decisions about recorded requests, by the policies of template.yaml and of hosts' roles.

Deny statements, principals and resource policies are not here: our roles have none of them.
"""
