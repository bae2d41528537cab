"""One inference request from its headers to its last byte."""
