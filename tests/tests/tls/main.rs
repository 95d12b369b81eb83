//! TLS over our streams: both ends ours, of each library, and others' ends.

mod authority;
mod openssl;
mod pipelines;
mod streams;
mod trust;
