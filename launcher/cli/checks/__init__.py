"""What `launcher doctor` looks at: each check is a function that gives findings in words."""
