"""Amazon SQS, as much of it as waiting for a notification needs: receive a message, delete it, give it back."""
