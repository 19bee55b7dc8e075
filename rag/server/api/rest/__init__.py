"""The REST interface: routes, handlers, schemas, forms and jobs."""
