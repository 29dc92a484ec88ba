"""Our commands brought into a Fiji, and what is missing there."""
