"""What a server can be asked, one file a topic. `launcher.Client` is all of them together.

A method is one request or one stream of the server's API; `caller` holds what they share.
"""
