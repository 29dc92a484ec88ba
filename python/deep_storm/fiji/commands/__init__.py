"""What each command does: ``function(call) -> outcome``, a module for each subject."""
