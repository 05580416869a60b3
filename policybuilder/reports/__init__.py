"""What a browser's reports say, and what they are worth: from the bytes posted to a `Violation` and its class.

The collector reads what is posted to it with this, and `cspbuild` what a person shows it.
"""
