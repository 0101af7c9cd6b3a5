//! Klamm against programs that we did not write.
