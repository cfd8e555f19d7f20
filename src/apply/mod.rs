//! Carries a plan out: the only room that changes the world.
