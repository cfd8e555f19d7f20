//! Files → typed documents → a validated project, each thing with its place in the source.
