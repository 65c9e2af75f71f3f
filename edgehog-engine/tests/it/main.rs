//! The engine, against a real PostgreSQL and an emulated Astarte.
