"""Many questions at once on the page: batches and evaluations."""
