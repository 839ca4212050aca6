"""What `launcher doctor --install` builds here, because no package index has it ready."""
